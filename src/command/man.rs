//! The man pages, in mdoc: the tables, and around them what no table knows.

mod cnf;
mod entries;
mod json;
mod mdoc;

use entries::{commands, flag, setting, sub, topic, usage};
use mdoc::{list, text};

use super::options::{self, FLAGS};
use super::settings::SETTINGS;
use super::table::Group;
use super::topics::TOPICS;

/// When what the page says last changed, as mdoc writes dates.
const DATE: &str = "November 23, 2026";

/// All pages that are made here: the name of the file, and what belongs in it.
pub fn pages() -> Vec<(&'static str, String)> {
    vec![("dust.1", page()), ("dust.cnf.5", cnf::page())]
}

/// The page `dust(1)`.
fn page() -> String {
    let parts = [
        HEAD.replace("@DATE@", DATE),
        usage(),
        DESCRIPTION.to_owned(),
        list(
            FLAGS
                .iter()
                .map(|program| (flag(&program.flag), text(program.flag.doc))),
        ),
        ".Sh SUBCOMMANDS\n".to_owned(),
        list(options::visible_subs().map(sub)),
        PROMPT.to_owned(),
        Group::ALL.map(commands).concat(),
        TOPICS.iter().map(topic).collect(),
        ".Sh SETTINGS\nWhat\n.Ic set\nsets, and the options of the program for one run:\n"
            .to_owned(),
        list(SETTINGS.iter().map(setting)),
        SESSIONS.to_owned(),
        json::section(),
        TAIL.to_owned(),
    ];
    parts.concat()
}

const HEAD: &str = r#".\" Made from dust's command table: do not edit.
.Dd @DATE@
.Dt DUST 1
.Os
.Sh NAME
.Nm dust
.Nd ssh cluster shell
"#;

const DESCRIPTION: &str = r#".Sh DESCRIPTION
.Nm
gives one prompt to many machines.
It brings up the nodes of a cluster file, sends shell commands to any of them over one ssh
connection and one persistent shell per node, shows their output line by line under their names,
and knows when each command ended and with which status.
.Pp
Without a
.Ar LINE
it opens its prompt.
With one it runs this prompt line and exits.
The words of the line are taken as they are; after an
.Li @target
they are joined with blanks, as
.Xr ssh 1
does.
Put targets in single quotes, for their wildcards are not the shell's.
Several lines, given by
.Fl c
or on standard input
.Pq Fl ,
are all run, one after another.
There, a first word that is no command, and no drop\-in, is an error; at the prompt it is run by the system shell.
.Pp
Where standard input is no terminal, the commands of the first line that runs on nodes read it, each
node's command all of it; to later lines, and to those of
.Li \- ,
it is empty.
As with
.Xr ssh 1 ,
.Li "< /dev/null"
keeps a loop's input from being read.
.Pp
Output of nodes goes to standard output,
.Nm Ns 's
own notices to standard error.
.Pp
The options of the program stand before the first other word:
"#;

const PROMPT: &str = r#".Sh COMMANDS
A line of the prompt is one of these.
Words are split as in a shell: blanks separate them, quotes and the backslash keep blanks, and
.Li #
at the start of a word begins a comment.
Options may stand anywhere among the words of a command, until
.Fl \- ;
.Fl h
explains the command.
A line that begins with a blank is kept out of the history.
"#;

const SESSIONS: &str = r#".Sh RAW SHELLS
.Li @NODE
without a command puts the terminal into the shell of that node: editors, completion and full\-screen
programs work there as in
.Xr ssh 1 .
It is the very shell that
.Li "@NODE COMMAND"
uses, so its folder and its variables are the same.
.Ic exit
ends the shell.
Ctrl\-C three times, or Enter
.Li \(ti.\& ,
leaves it in the background: what runs there goes on, and its output is kept on a screen of its own.
.Li @NODE
again shows that screen as it is by then.
.Ic sessions
lists these shells.
What scrolled off the screen of a shell in the background is in the terminal's scrollback when it is
entered again, up to
.Ic set scrollback
rows; more than ten shells share what ten would keep.
A line for a node whose raw shell is busy is not run there, and the node is named.
.Sh SESSIONS
The prompt, its connections and the shells on the nodes belong to a session, which outlives the
terminal.
It has the name that
.Fl s
gives, else that of
.Ev DUST_SESSION ,
else that of the cluster that is loaded,
.Li demo
for a demo, or
.Li main .
Where a session of that name runs with the same cluster file,
.Nm
joins it.
Several terminals may show one session; they all show the same.
.Pp
.Ic detach
leaves a session,
.Nm Cm attach
returns to it, and what was printed meanwhile comes first.
.Ic exit
ends it.
With
.Fl \-no\-session
the prompt ends with its terminal.
.Pp
A run of lines
.Pq Nm Ar LINE
uses the connections of a session that has the very same cluster file loaded; there is no login then.
Its shells are its own.
So do other programs:
.Ic ssh\-config
says how
.Xr ssh 1 ,
.Xr scp 1
and the like are told.
.Sh SSH
.Nm
speaks ssh itself.
It reads
.Xr ssh_config 5
.Po
.Cm Host , Match , Include , HostName , Port , User , IdentityFile , IdentitiesOnly ,
.Cm IdentityAgent , HostKeyAlias , UserKnownHostsFile , GlobalKnownHostsFile ,
.Cm StrictHostKeyChecking , ProxyJump , ProxyCommand , ConnectTimeout ,
.Cm ServerAliveInterval , ServerAliveCountMax
.Pc ;
the cluster file wins, and what else would change how it connects is named once.
Keys are those of the cluster file, else of
.Cm IdentityFile ,
else
.Pa id_ed25519 , id_ecdsa
and
.Pa id_rsa
in
.Pa \(ti/.ssh ,
and those of the agent.
A new host key is accepted and remembered, a changed one refused, unless the cluster file says
otherwise.
Passwords and passphrases are asked for once, and used for all nodes that ask the same.
.Pp
A command runs in the login shell of its user where that is bash (4.2 and up), zsh, dash, busybox ash,
mksh or ksh; users of other shells get bash, or sh.
"#;

const TAIL: &str = r#".Sh CLUSTER FILES
A cluster file says which nodes there are, how they are reached, and what they are launched with:
.Bd -literal -offset indent
@cloud
provider = ssh
username = ubuntu

@master
host = 192.0.2.10

@worker[0\-2]
host = 192.0.2.[20\-22]
.Ed
.Pp
.Xr dust.cnf 5
explains it.
.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev AWS_PROFILE , AWS_REGION , AWS_ACCESS_KEY_ID , AWS_ENDPOINT_URL , \&...
As for all of AWS's tools, where the cluster file does not say otherwise.
.It Ev DUST_CONFIG
The configuration file, instead of the usual one.
.It Ev DUST_EC2_TIMEOUT
How long EC2 may take to answer one try of a call, in seconds (30).
A call is tried up to five times.
.It Ev DUST_MY_ADDRESS
The address that a new security group lets in by ssh;
.Cm none
for nobody.
Without it, AWS is asked.
.It Ev DUST_COMMANDS
Folders of drop\-in commands, separated by colons: see
.Xr dust\-commands 7 .
.It Ev DUST_RUNTIME_DIR
Where the sockets of sessions are, instead of the usual places.
.It Ev DUST_SESSION
The session to open, to join or to borrow connections from where
.Fl s
does not say.
.It Ev DUST_SOCKET
The session, or the run, whose clusters and connections lines are about, where neither
.Fl f
nor
.Fl s
says:
.Nm
sets it for what it starts itself.
.It Ev HOME
Where
.Li \(ti
leads.
.It Ev NO_COLOR
If set and not empty, no colours, unless
.Fl \-color
or
.Ic set color
asks for them.
.It Ev SHELL
The system shell that runs
.Li \&!COMMAND .
.It Ev SSH_AUTH_SOCK
The agent that is asked for keys; in a session, that of the terminal that was typed at last.
.It Ev TERM
The type of the terminal, here and on the nodes.
Without a terminal, nodes are told
.Li dumb .
.It Ev XDG_CONFIG_HOME , XDG_DATA_HOME , XDG_STATE_HOME , XDG_RUNTIME_DIR
Where dust keeps its files, instead of
.Pa \(ti/.config , \(ti/.local/share
and
.Pa \(ti/.local/state :
see
.Sx FILES .
.El
.Pp
What runs in the system shell of a session has
.Ev DUST_SOCKET ,
the session\(aqs socket, and
.Ev DUST_SESSION_PID ,
its server; the rest is the environment of the terminal that was typed at last.
.Pp
In the shells on the nodes these are set:
.Bl -tag -width Ds
.It Ev DUST_NODE
The node's name.
.It Ev DUST_RANK
Its number among the nodes of its cluster, from 0.
.It Ev DUST_SIZE
How many they are.
.It Ev DUST_CLUSTER
The cluster's name.
.It Ev PAGER , GIT_PAGER , SYSTEMD_PAGER
.Li cat ,
since a pager cannot be left a line at a time; in a raw shell they are as the shell's own files say.
.El
.Sh FILES
.Bl -tag -width Ds
.It Pa default.cnf
The cluster file that is loaded from the current folder where
.Fl f
names none.
.It Pa \(ti/.config/dust/config.ini
What the settings begin with:
.Li NAME=VALUE
lines, at the top or below a heading
.Li [dust] .
Comments are as in cluster files;
.Li \(ti
and paths relative to the file work.
If anything in it is wrong, or others may write to it, none of it is used: the prompt says so, and
other runs end with status 2.
A session reads it when it begins.
.Ev XDG_CONFIG_HOME
is used if it is set.
.It Pa \(ti/.config/dust/commands , Pa commands
Drop\-in commands, for all clusters and, beside a cluster file, for those of the file: see
.Xr dust\-commands 7 .
.It Pa DIR/NODE.log , Pa DIR/NODE.log.1 , \&...
What
.Ic log DIR
writes.
Of nodes of one name in several clusters, whichever run they are of, the first has
.Pa NODE.log ,
another
.Pa CLUSTER%2FNODE.log :
the first line says whose it is.
What cannot stand in the name of a file is
.Li %
and two hexadecimal digits.
.It Pa \(ti/.local/state/dust/history
The lines typed at the prompt.
.It Pa \(ti/.local/share/dust/known_hosts
The host keys of nodes, as
.Xr ssh 1
keeps them.
Those of instances stand under the instance's id.
.It Pa \(ti/.local/share/dust/keys/REGION
The private keys of key pairs that dust made.
.It Pa \(ti/.local/share/dust/local
The nodes of
.Li provider=local .
.It Pa \(ti/.ssh/config , /etc/ssh/ssh_config
See
.Sx SSH .
.It Pa \(ti/.ssh/known_hosts , /etc/ssh/ssh_known_hosts
Read, and never written.
.It Pa $XDG_RUNTIME_DIR/dust , Pa \(ti/.local/state/dust/run , Pa /tmp/dust-UID
The sockets of sessions, in the first of these that can be had; nobody else may look into it.
Beside the socket of a session,
.Pa NAME.log
has what its server said of itself: why it could not begin, or went wrong.
.It Pa .dust\-*.part
What a copy that was cut off has left, beside the file that it was to become, here or on a node.
.Ic put
and
.Ic get
with
.Fl \-resume
go on with it.
.El
.Sh EXIT STATUS
The prompt exits with 0.
Otherwise:
.Bl -tag -width Ds
.It 0
The command returned 0 on every node.
.It 1
Something else failed: a copy, a start, a session that cannot be opened.
.It 1 to 255
The largest status that it returned on any node.
.It 2
The command line, a cluster file or a target is wrong.
Of a wrong command line nothing is run.
A target that matches nothing is found when its line\(aqs turn comes: that line is not sent, and no line
after it is run.
.It 124
The command did not end in time on a node.
.It 129 , 143
A signal ended dust: SIGHUP, SIGTERM.
.It 130
Ctrl\-C.
.It 141
Nobody reads the output any more.
.It 255
A node could not be reached, or its connection was lost.
.El
.Sh EXAMPLES
Try it on three nodes on this machine:
.Bd -literal -offset indent
$ dust demo
.Ed
.Pp
A session at the prompt:
.Bd -literal -offset indent
dust$ load web.cnf
dust:web$ start
dust:web$ show
dust:web$ @worker* tail \-2 /etc/resolv.conf
dust:web$ @worker* sudo apt\-get install nginx
[worker0] Do you want to continue? [Y/n]
[worker1] Do you want to continue? [Y/n]
dust:web$ @work* Y
dust:web$ @%failed sudo dpkg \-\-configure \-a
dust:web$ stop worker*
.Ed
.Pp
A file to all nodes, and a command's output:
.Bd -literal -offset indent
$ dust \-f web.cnf \(aq@*\(aq \(aqcat > motd\(aq < motd
$ tar c site | dust \-f web.cnf \(aq@web*\(aq \(aqtar x \-C /srv\(aq
.Ed
.Pp
From a script, with one JSON object a line:
.Bd -literal -offset indent
$ dust \-f web.cnf \-\-json \(aq@state=running\(aq df / | jq .
.Ed
.Pp
Several lines; nothing asks:
.Bd -literal -offset indent
$ dust \-y \-f web.cnf \-c start \-c \(aq@* ./test.sh\(aq \-c \(aqstop *\(aq
.Ed
.Pp
A day with machines of EC2, from nothing to nothing:
.Bd -literal -offset indent
$ cat > web.cnf
@cloud
provider = ec2
region = eu\-west\-1
username = admin
image = ami\-0123456789abcdef0
@web[0\-3]
instance_type = t3.small
tag.owner = devops
$ dust \-f web.cnf
dust:web$ plan
dust:web$ start
dust:web$ @* sudo apt\-get \-y install nginx
dust:web$ put site.conf web* /tmp/
dust:web$ @* sudo mv /tmp/site.conf /etc/nginx/conf.d/
dust:web$ @* sudo nginx \-t
dust:web$ @%ok sudo systemctl reload nginx
dust:web$ set fold on
dust:web$ @* nginx \-v
dust:web$ get web* /var/log/nginx/error.log logs/
dust:web$ @web2
admin@web2:\(ti$ top
                        (Ctrl\-C three times, fast)
dust:web$ detach
$ dust attach
dust:web$ terminate *
dust:web$ exit
.Ed
.Pp
Plain
.Xr rsync 1
over the session's connections:
.Bd -literal -offset indent
$ dust ssh\-config > \(ti/.ssh/dust.conf
$ rsync \-e \(aqssh \-F \(ti/.ssh/dust.conf\(aq \-r site/ web0:/srv/site/
.Ed
.Sh SEE ALSO
.Xr rsync 1 ,
.Xr scp 1 ,
.Xr ssh 1 ,
.Xr dust.cnf 5 ,
.Xr ssh_config 5 ,
.Xr dust\-commands 7
"#;
