//! The clients: one for each account, made when it is first asked for.

use super::convert;
use super::trouble::{Trouble, trouble};
use crate::cloud::fault::REGION_HINT;
use crate::cloud::{Account, Fault, Instance};
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_ec2::Client;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// How often a call is tried in all; each time the SDK waits about twice as long. Its "adaptive" mode
/// is of no use here: after a single refusal for too many calls it held back every further call of
/// the region, also a person's next line, for eight seconds and more. What makes many calls (names)
/// slows down by itself instead.
const TRIES: u32 = 5;
/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one try may take; the environment variable `DUST_EC2_TIMEOUT`, in seconds, says
/// otherwise.
const ANSWER: Duration = Duration::from_secs(30);
/// What a page of a description holds at most (Amazon EC2 API reference, DescribeInstances).
const PAGE: i32 = 1000;

/// A region of EC2, as one account sees it.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) ec2: Client,
    /// Its name.
    pub(super) region: String,
    /// Where the API is, if it is not where AWS has it.
    pub(super) endpoint: Option<String>,
    /// Whose turn it is to launch: a start that begins meanwhile sees what this one made.
    pub(super) turn: tokio::sync::Mutex<()>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Apis {
    known: RefCell<HashMap<Account, Rc<Api>>>,
}

impl Apis {
    /// The API of an account.
    pub(super) async fn get(&self, account: &Account) -> Result<Rc<Api>, Fault> {
        if let Some(api) = self.known.borrow().get(account) {
            return Ok(Rc::clone(api));
        }
        let api = Rc::new(connect(account).await?);
        // Two may have asked at once: then the turn must be one and the same for both.
        let mut known = self.known.borrow_mut();
        Ok(Rc::clone(known.entry(account.clone()).or_insert(api)))
    }

    /// Its configuration is read again next time.
    pub(super) fn forget(&self, account: &Account) {
        self.known.borrow_mut().remove(account);
    }
}

async fn connect(account: &Account) -> Result<Api, Fault> {
    let answer = std::env::var("DUST_EC2_TIMEOUT").ok();
    let answer = answer
        .and_then(|seconds| seconds.parse().ok())
        .filter(|seconds| *seconds > 0)
        .map_or(ANSWER, Duration::from_secs);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(answer)
        .operation_attempt_timeout(answer)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        .timeout_config(timeouts);
    if let Some(region) = &account.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &account.profile {
        // A profile that is named counts more than keys in the environment, as in the AWS CLI.
        let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile);
        loader = loader
            .profile_name(profile)
            .credentials_provider(credentials.build());
    }
    if let Some(endpoint) = &account.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let config = loader.load().await;
    let Some(region) = config.region().map(ToString::to_string) else {
        return Err(Fault::new("no AWS region is set").hint(REGION_HINT));
    };
    let of_service = || std::env::var("AWS_ENDPOINT_URL_EC2").ok();
    let endpoint = config.endpoint_url().map(str::to_owned).or_else(of_service);
    Ok(Api {
        ec2: Client::new(&config),
        region,
        endpoint,
        turn: tokio::sync::Mutex::default(),
    })
}

impl Api {
    /// Every instance of the region.
    pub(super) async fn instances(&self) -> Result<Vec<Instance>, Trouble> {
        let request = self.ec2.describe_instances().max_results(PAGE);
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| trouble("DescribeInstances", error))?;
            for reservation in page.reservations() {
                let instances = reservation.instances().iter();
                found.extend(instances.filter_map(|one| convert::instance(one, &self.region)));
            }
        }
        Ok(found)
    }
}
