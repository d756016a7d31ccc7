//! EC2's API, on a thread of its own: questions come in, news go out. One tokio runtime of this one
//! thread runs all questions side by side; nothing here blocks.
//!
//! [`crate::cloud`] decides what is to be done; this does it. `start` and `watch` are the hard part:
//! nothing that was asked for may exist twice, whatever gets lost on the way.

mod address;
mod api;
mod change;
mod convert;
mod groups;
mod keys;
mod launch;
mod rules;
mod start;
mod trouble;
mod watch;

use crate::cloud::fault::{Failure, no_credentials};
use crate::cloud::{Account, Ask, Fault, Instance, News};
use api::{Api, Apis};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use trouble::Trouble;

/// A question: its number, where, what.
type Question = (u64, Account, Ask);

/// The way in.
#[derive(Debug)]
pub struct Asks(UnboundedSender<Question>);

/// The other end of [`Asks`]; for [`serve`].
#[derive(Debug)]
pub struct Inbox(UnboundedReceiver<Question>);

/// A way in, and its other end.
pub fn channel() -> (Asks, Inbox) {
    let (sender, receiver) = unbounded_channel();
    (Asks(sender), Inbox(receiver))
}

impl Asks {
    /// Asks; false if nobody listens any more.
    pub fn send(&self, request: u64, account: Account, ask: Ask) -> bool {
        self.0.send((request, account, ask)).is_ok()
    }
}

/// Answers questions until nobody can ask any more. `tell` takes the news.
pub fn serve(mut inbox: Inbox, tell: impl Fn(u64, News) + 'static) {
    let tell = Rc::new(tell);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            while let Some((request, ..)) = inbox.0.blocking_recv() {
                let fault = Fault::new(format!("EC2 cannot be asked: {error}"));
                tell(request, News::Failed(fault));
            }
            return;
        },
    };
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async move {
        let apis = Rc::new(Apis::default());
        while let Some((request, account, ask)) = inbox.0.recv().await {
            let (tell, apis) = (Rc::clone(&tell), Rc::clone(&apis));
            tokio::task::spawn_local(async move {
                let news = {
                    let tell = Rc::clone(&tell);
                    Rc::new(move |news| tell(request, news))
                };
                // A task of its own: whatever happens in it, there is a last word.
                let done = tokio::task::spawn_local(answer(apis, account, ask, news)).await;
                let last = match done {
                    Ok(Ok(())) => News::Done,
                    Ok(Err(fault)) => News::Failed(fault),
                    Err(_) => News::Failed(Fault::new("dust failed inside while it asked EC2")),
                };
                tell(request, last);
            });
        }
    });
}

/// Answers one question, but for its last word.
async fn answer(
    apis: Rc<Apis>,
    account: Account,
    ask: Ask,
    tell: Rc<dyn Fn(News)>,
) -> Result<(), Fault> {
    let api = apis.get(&account).await?;
    let call = Call {
        api,
        tell,
        told: RefCell::default(),
    };
    let result = match ask {
        Ask::Describe => call.describe().await,
        Ask::Plan { cluster, nodes } => start::plan(&call, &cluster, &nodes).await,
        Ask::Start { cluster, nodes } => start::start(&call, &cluster, &nodes).await,
        Ask::Wake(claims) => start::wake(&call, &claims).await,
        Ask::Stop(claims) => change::stop(&call, &claims).await,
        Ask::Terminate(claims) => change::terminate(&call, &claims).await,
        Ask::Tag(claims, tags) => change::tag(&call, &claims, &tags).await,
        Ask::Untag(claims, names) => change::untag(&call, &claims, &names).await,
        Ask::Console(claims) => change::console(&call, &claims).await,
        Ask::Keys => keys::list(&call).await,
        Ask::Rules(cluster, claims) => rules::show(&call, &cluster, &claims).await,
        Ask::Allow(cluster, claims, rule) => rules::allow(&call, &cluster, &claims, &rule).await,
        Ask::Forbid(cluster, claims, rule) => rules::forbid(&call, &cluster, &claims, &rule).await,
    };
    result.map_err(|trouble| {
        if trouble.is_of_credentials() {
            // The next question reads the files again: they may be mended by then.
            apis.forget(&account);
        }
        match trouble.failure {
            Some(Failure::Credentials(why)) => {
                let of_environment = || std::env::var("AWS_PROFILE").ok();
                let profile = account.profile.clone().or_else(of_environment);
                no_credentials(profile.as_deref(), &why)
            },
            _ => trouble.fault,
        }
    })
}

/// What answering a question works with.
struct Call {
    api: Rc<Api>,
    tell: Rc<dyn Fn(News)>,
    /// The key pairs whose files were told already.
    told: RefCell<BTreeSet<String>>,
}

impl Call {
    fn tell(&self, news: News) {
        (self.tell)(news);
    }

    fn step(&self, text: impl Into<String>) {
        self.tell(News::Step(text.into()));
    }

    fn failed(&self, node: &str, fault: Fault) {
        self.all_failed([node], fault);
    }

    /// It failed for several nodes, for the same reason.
    fn all_failed<'n>(&self, nodes: impl IntoIterator<Item = &'n str>, fault: Fault) {
        let nodes = nodes.into_iter().map(str::to_owned).collect();
        self.tell(News::NodesFailed(nodes, fault));
    }

    /// Reads every instance of the region, and tells.
    async fn instances(&self) -> Result<Vec<Instance>, Trouble> {
        let instances = self.api.instances().await?;
        self.tell_instances(instances.clone());
        Ok(instances)
    }

    /// The same, where nobody here needs them.
    async fn describe(&self) -> Result<(), Trouble> {
        self.tell_instances(self.api.instances().await?);
        Ok(())
    }

    /// Tells what there is; before that, the files of the key pairs that open it.
    fn tell_instances(&self, instances: Vec<Instance>) {
        let keys = instances.iter().filter_map(|one| one.attrs.get("key"));
        for name in keys {
            self.tell_key(name);
        }
        self.tell(News::Instances(instances));
    }

    /// Tells where the private key of a key pair is, once, if dust has it.
    fn tell_key(&self, name: &str) {
        let new = self.told.borrow_mut().insert(name.to_owned());
        if let Some(file) = new.then(|| keys::file(&self.api.region, name)).flatten() {
            self.tell(News::KeyFile(name.to_owned(), file));
        }
    }
}

/// How many calls one question may have under way.
const AT_ONCE: usize = 8;

/// Does something for each, a few at a time.
async fn each<T, R, F>(items: impl IntoIterator<Item = T>, work: impl Fn(T) -> F) -> Vec<R>
where
    R: 'static,
    F: Future<Output = R> + 'static,
{
    let mut tasks = tokio::task::JoinSet::new();
    let mut results = Vec::new();
    for item in items {
        if tasks.len() >= AT_ONCE {
            results.extend(tasks.join_next().await.and_then(Result::ok));
        }
        tasks.spawn_local(work(item));
    }
    while let Some(result) = tasks.join_next().await {
        results.extend(result.ok());
    }
    results
}

/// A pause that doubles, from the first to the longest.
#[derive(Clone, Copy, Debug)]
struct Pause {
    next: Duration,
    longest: Duration,
}

impl Pause {
    fn new(first: Duration, longest: Duration) -> Self {
        Self {
            next: first,
            longest,
        }
    }

    async fn wait(&mut self) {
        tokio::time::sleep(self.next).await;
        self.longer();
    }

    fn longer(&mut self) {
        self.next = (self.next * 2).min(self.longest);
    }
}
