//! Targets as a person types them: which nodes a command reaches (SPEC: "Targets"). What each form
//! means is tested beside its code; this shows that the forms arrive.

use std::collections::BTreeSet;

use crate::support::bad::refused;
use crate::support::deps::need;
use crate::support::env::{Env, Node};
use crate::support::sshd::Sshd;

/// Nodes master, worker0 … worker3 and db01.
fn lab() -> (Sshd, Env, String) {
    let (sshd, env) = (Sshd::start(), Env::new());
    let shell = crate::support::shell::Shell::Bash;
    let nodes: Vec<Node> = ["master", "worker0", "worker1", "worker2", "worker3", "db01"]
        .iter()
        .map(|name| sshd.node(name, shell))
        .collect();
    let file = env.cluster(&nodes);
    (sshd, env, file)
}

#[test]
fn each_form_of_a_target() {
    need!("sshd", "ssh-keygen");
    let (_sshd, env, file) = lab();
    env.file("list", "worker3\n# a comment\n\ndb01\n");
    for (target, nodes) in [
        ("", "db01 master worker0 worker1 worker2 worker3"),
        ("*", "db01 master worker0 worker1 worker2 worker3"),
        ("\\*", "db01 master worker0 worker1 worker2 worker3"),
        ("worker*", "worker0 worker1 worker2 worker3"),
        ("worker\\*", "worker0 worker1 worker2 worker3"),
        ("w?rker1", "worker1"),
        ("worker[0-2]", "worker0 worker1 worker2"),
        ("worker[1,3]", "worker1 worker3"),
        ("worker[0-30]", "worker0 worker1 worker2 worker3"),
        ("db[01-05]", "db01"),
        ("worker0,master", "master worker0"),
        ("worker*!worker1", "worker0 worker2 worker3"),
        ("*!worker*!db01", "master"),
        ("worker*&*1", "worker1"),
        ("worker[0-1]^worker[1-2]", "worker0 worker2"),
        (
            "state=running",
            "db01 master worker0 worker1 worker2 worker3",
        ),
        ("STATE=RUN*&db*", "db01"),
        ("name=W*3", "worker3"),
        ("cluster=lab", "db01 master worker0 worker1 worker2 worker3"),
        ("lab!worker*", "db01 master"),
        ("^list", "db01 worker3"),
        ("worker0,worker0,worker0", "worker0"),
    ] {
        let run = env
            .dust(&["-f", &file, &format!("@{target}"), "echo \"$DUST_NODE\""])
            .run()
            .expect_code(0);
        let out = run.out();
        let reached: Vec<&str> = out
            .lines()
            .filter_map(|l| l.split_whitespace().nth(1))
            .collect();
        let unique: BTreeSet<&str> = reached.iter().copied().collect();
        assert_eq!(
            unique.into_iter().collect::<Vec<_>>().join(" "),
            nodes,
            "@{target}"
        );
        assert_eq!(
            reached.len(),
            nodes.split(' ').count(),
            "@{target}: each once"
        );
    }
}

#[test]
fn a_shell_may_pass_the_target_and_the_command_as_one_word() {
    need!("sshd", "ssh-keygen");
    let (_sshd, env, file) = lab();
    env.dust(&["-f", &file, "@master echo one word"])
        .run()
        .expect_code(0)
        .expect_lines("master", &["one word"]);
}

#[test]
fn the_index_of_show_selects() {
    let env = Env::new();
    let nodes = ["alpha", "beta", "gamma"].map(refused);
    let file = env.cluster(&nodes);
    let shown = env.dust(&["-f", &file, "show"]).run().expect_code(0).out();
    let row = shown
        .lines()
        .find(|line| line.contains("beta"))
        .expect("beta is shown");
    let index = row
        .split_whitespace()
        .find(|word| word.chars().all(|c| c.is_ascii_digit()))
        .expect("with an index");
    let one = env
        .dust(&["-f", &file, "show", index])
        .run()
        .expect_code(0)
        .out();
    assert!(
        one.contains("beta") && !one.contains("alpha") && !one.contains("gamma"),
        "{one}"
    );
}

#[test]
fn show_lists_searches_and_tells_all() {
    let env = Env::new();
    let nodes = [
        refused("alpha")
            .set("tag.role", "db")
            .set("instance_type", "m3.medium"),
        refused("beta").set("tag.role", "web"),
    ];
    let file = env.cluster(&nodes);
    let show = |args: &[&str]| {
        let mut all = vec!["-f", file.as_str(), "show"];
        all.extend(args);
        env.dust(&all).run().expect_code(0).out()
    };
    let list = show(&[]);
    assert!(
        list.contains("lab") && list.contains("alpha") && list.contains("beta"),
        "{list}"
    );
    let one = show(&["alpha"]);
    assert!(one.contains("alpha") && !one.contains("beta"), "{one}");
    let tagged = show(&["tags=role:web"]);
    assert!(
        tagged.contains("beta") && !tagged.contains("alpha"),
        "{tagged}"
    );
    let typed = show(&["instance_type=m3.*"]);
    assert!(
        typed.contains("alpha") && !typed.contains("beta"),
        "{typed}"
    );
    let searched = show(&["m3.medium"]);
    assert!(
        searched.contains("alpha") && !searched.contains("beta"),
        "{searched}"
    );
    let all = show(&["-vv", "alpha"]);
    for word in ["127.0.0.1", "m3.medium", "role"] {
        assert!(all.contains(word), "{word}\n{all}");
    }
    env.dust(&["-f", &file, "show", "nowhere-to-be-found"])
        .run()
        .expect_code(2);
}

#[test]
fn the_seeds_own_cluster_file_is_shown() {
    let env = Env::new();
    let text = "@cloud\nprovider=ec2\nname=democloud\nregion=eu-west-1\nusername=ubuntu\nkey=mykey\n\
                keyfile=/path/to/mykey.pem\n\n@master\ninstance_type=m3.medium\nimage=ami-896c96fe\n\n\
                @worker0\ninstance_type=t2.small \nimage=ami-3eb46b49\n\n\
                @worker1\ninstance_type=t2.small \nimage=ami-3eb46b49\n";
    env.file("sample.cnf", text);
    let run = env.dust(&["-f", "sample.cnf", "show"]).run();
    // Without the cloud's answer, or a dust that knows no cloud, the file itself is right.
    if run.code() == 2 {
        run.expect_notice(&["built without EC2"]);
    }
}

#[test]
fn the_working_set_is_what_no_target_means() {
    need!("sshd", "ssh-keygen");
    let (_sshd, env, file) = lab();
    let run = env
        .dust(&[
            "-f",
            &file,
            "-c",
            "use worker[0-1]",
            "-c",
            "@ echo set",
            "-c",
            "use *",
            "-c",
            "@db* echo all",
        ])
        .run()
        .expect_code(0);
    assert_eq!(run.out().matches("set\n").count(), 2, "{}", run.report());
    assert_eq!(run.lines_of("worker0"), ["set"]);
    assert_eq!(run.lines_of("db01"), ["all"]);
}

#[test]
fn number_ranges_define_nodes() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let node = sshd.node("x", crate::support::shell::Shell::Bash);
    let text = format!(
        "@cloud\nprovider=ssh\nname=lab\nusername={}\nhost=127.0.0.1\nport={}\nkeyfile={}\n\n@n[08-11]\n\n@m[0,2]\n",
        crate::support::env::user(),
        node.get("port"),
        node.get("keyfile"),
    );
    let file = env.file("ranges.cnf", text).display().to_string();
    let run = env
        .dust(&["-f", &file, "@*", "echo $DUST_NODE"])
        .run()
        .expect_code(0);
    let mut nodes: Vec<String> = run.out().lines().map(str::to_owned).collect();
    nodes.sort();
    let wanted = ["m0", "m2", "n08", "n09", "n10", "n11"].map(|n| format!("[{n}] {n}"));
    assert_eq!(nodes, wanted);
}
