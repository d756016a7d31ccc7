//! Calls of the API, and what may be done to them.

use std::time::Instant;

use crate::support::http::{Request, form_params};

/// What is done to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused: HTTP status, code, message.
    Refuse(u16, &'static str, &'static str),
    /// The connection is closed; moto never hears of it.
    CutBefore,
    /// Moto does it, and the connection is closed instead of an answer.
    CutAfter,
    /// Nothing happens until `clear`.
    HoldBefore,
    /// Moto does it; the answer waits until `clear`.
    HoldAfter,
    /// Moto does it, and the answer is no XML.
    Garbage,
}

/// As EC2 says it when there are too many calls.
pub(crate) const THROTTLED: Fault =
    Fault::Refuse(503, "RequestLimitExceeded", "Request limit exceeded.");
/// EC2 has a bad day.
pub(crate) const INTERNAL: Fault = Fault::Refuse(
    500,
    "InternalError",
    "An internal error has occurred. Retry your request.",
);
/// No room for this instance type.
pub(crate) const NO_CAPACITY: Fault = Fault::Refuse(
    500,
    "InsufficientInstanceCapacity",
    "We currently do not have sufficient m3.medium capacity in the Availability Zone you requested \
     (eu-west-1a).",
);
/// The account's limit.
pub(crate) const LIMIT: Fault = Fault::Refuse(
    400,
    "VcpuLimitExceeded",
    "You have requested more vCPU capacity than your current vCPU limit of 5 allows for the instance \
     bucket that the specified instance type belongs to.",
);
/// A permission is missing.
pub(crate) const UNAUTHORIZED: Fault = Fault::Refuse(
    403,
    "UnauthorizedOperation",
    "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/ann is \
     not authorized to perform: ec2:RunInstances on resource: \
     arn:aws:ec2:eu-west-1:123456789012:instance/* because no identity-based policy allows the \
     ec2:RunInstances action. Encoded authorization failure message: abcdefghijklmnopqrstuvwxyz",
);
/// The access key is none that AWS knows.
pub(crate) const AUTH_FAILURE: Fault = Fault::Refuse(
    401,
    "AuthFailure",
    "AWS was not able to validate the provided access credentials",
);
/// Temporary credentials that are over.
pub(crate) const EXPIRED: Fault = Fault::Refuse(400, "RequestExpired", "Request has expired.");

/// Which calls.
#[derive(Clone, Debug)]
pub(crate) struct When {
    action: &'static str,
    having: Option<(&'static str, String)>,
    pub(super) times: usize,
}

impl When {
    /// All calls.
    pub(crate) fn any() -> Self {
        Self::action("")
    }

    /// All calls of this action.
    pub(crate) fn action(action: &'static str) -> Self {
        Self {
            action,
            having: None,
            times: usize::MAX,
        }
    }

    /// Only those with this parameter.
    pub(crate) fn having(mut self, name: &'static str, value: &str) -> Self {
        self.having = Some((name, value.to_owned()));
        self
    }

    /// Only the first of them.
    pub(crate) fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    pub(super) fn hits(&self, call: &Call) -> bool {
        let having = |(name, value): &(&str, String)| call.param(name) == value;
        self.times > 0
            && (self.action.is_empty() || self.action == call.action)
            && self.having.as_ref().is_none_or(having)
    }
}

/// A call that came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) at: Instant,
    pub(crate) action: String,
    pub(crate) params: Vec<(String, String)>,
    /// The region and the access key of its signature.
    pub(crate) region: String,
    pub(crate) access_key: String,
    /// The HTTP status of the answer; None while there is none, or it was cut.
    pub(crate) status: Option<u16>,
}

impl Call {
    pub(super) fn of(request: &Request) -> Self {
        let params = form_params(&request.body);
        let scope = request.header("authorization").split("Credential=").nth(1);
        let mut scope = scope.unwrap_or_default().split('/').map(str::to_owned);
        let mut call = Self {
            at: Instant::now(),
            action: String::new(),
            params,
            access_key: scope.next().unwrap_or_default(),
            region: scope.nth(1).unwrap_or_default(),
            status: None,
        };
        call.action = call.param("Action").to_owned();
        call
    }

    /// A parameter, or nothing.
    pub(crate) fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }

    /// The values of `NAME.1`, `NAME.2`, …
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let of = |n: &str| {
            n.strip_prefix(name)?
                .strip_prefix('.')?
                .parse::<usize>()
                .ok()
        };
        let found = self.params.iter().filter(|(n, _)| of(n).is_some());
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether it may change something.
    pub(crate) fn mutates(&self) -> bool {
        let reads = ["Describe", "Get", "List"];
        !reads.iter().any(|word| self.action.starts_with(word)) && self.param("DryRun") != "true"
    }
}
