//! Errors of the SDK as [`Failure`]s.

use crate::cloud::Fault;
use crate::cloud::fault::Failure;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;

/// Why something could not be done.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    /// For people.
    pub(super) fault: Fault,
    /// How the call failed, if it was a call.
    pub(super) failure: Option<Failure>,
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            failure: None,
        }
    }
}

impl Trouble {
    /// EC2's code of the error.
    pub(super) fn code(&self) -> Option<&str> {
        self.failure.as_ref().and_then(Failure::code)
    }

    /// True if the call may have been done all the same.
    pub(super) fn is_unsure(&self) -> bool {
        self.failure.as_ref().is_some_and(Failure::is_unsure)
    }

    /// True if it was not done, since there were too many calls.
    pub(super) fn is_throttled(&self) -> bool {
        self.failure.as_ref().is_some_and(Failure::is_throttled)
    }

    /// True if another try may go better, without anybody's help.
    pub(super) fn is_passing(&self) -> bool {
        self.is_unsure() || self.is_throttled()
    }

    /// True if it is about credentials.
    pub(super) fn is_of_credentials(&self) -> bool {
        self.failure
            .as_ref()
            .is_some_and(Failure::is_of_credentials)
    }
}

/// Why a call failed. `operation` is EC2's name of it.
pub(super) fn trouble<E>(operation: &'static str, error: SdkError<E>) -> Trouble
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = failure(&error);
    Trouble {
        fault: failure.explain(operation),
        failure: Some(failure),
    }
}

fn failure<E>(error: &SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(why) = of_credentials(error) {
        return Failure::Credentials(why);
    }
    match error {
        SdkError::TimeoutError(_) => Failure::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Failure::TimedOut,
        SdkError::DispatchFailure(_) => Failure::Unreached(innermost(error)),
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or_default();
            let message = service.err().message().unwrap_or_default();
            let status = service.raw().status().as_u16();
            match code {
                // Others come with a status of 500 too, and are clear about it all the same
                // (InsufficientInstanceCapacity).
                "InternalError" | "InternalFailure" | "Unavailable" | "ServiceUnavailable" => {
                    Failure::Broken(message.to_owned())
                },
                "" => Failure::Broken(format!("it answered with status {status}")),
                code => Failure::Refused {
                    code: code.to_owned(),
                    message: message.to_owned(),
                },
            }
        },
        SdkError::ResponseError(response) => match response.raw().status().as_u16() {
            status if status >= 500 => Failure::Broken(format!("it answered with status {status}")),
            _ => Failure::Broken(format!(
                "its answer is not understood: {}",
                innermost(error)
            )),
        },
        error => Failure::Broken(innermost(error)),
    }
}

/// What is wrong with the credentials, if that is what it is.
fn of_credentials(error: &(dyn Error + 'static)) -> Option<String> {
    chain(error).find(|error| error.is::<CredentialsError>())?;
    Some(innermost(error))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What is at the bottom of it: the outer ones only say that something failed.
fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}
