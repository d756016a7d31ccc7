//! What EC2's errors mean, for people: one line, and what to do about it.

use super::Fault;

/// What to do about credentials that are missing or no longer good.
pub const CREDENTIALS_HINT: &str = "`aws configure`, `aws sso login`, `profile=` in the cluster \
                                    file, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// What is said where no credentials can be used: which profile was to have them, if one was named,
/// and why it has none.
pub fn no_credentials(profile: Option<&str>, why: &str) -> Fault {
    // The SDK's words for "there is nothing there".
    let nothing = [
        "",
        "the credential provider was not enabled",
        "no providers in chain provided credentials",
    ];
    let why = line(why);
    let is_absent = |why: &str| profile.is_some() && why.contains("was not defined");
    let says_nothing = |why: &str| nothing.contains(&why) || is_absent(why);
    let why = Some(why).filter(|why| !says_nothing(why));
    let text = match (profile, why) {
        (Some(profile), Some(why)) => format!("no AWS credentials in the profile {profile}: {why}"),
        (Some(profile), None) => {
            format!("no AWS credentials: there is no profile {profile}, or it has none")
        },
        (None, Some(why)) => format!("no AWS credentials: {why}"),
        (None, None) => "no AWS credentials".to_owned(),
    };
    Fault::new(text).hint(CREDENTIALS_HINT)
}

/// What to do about a missing region.
pub const REGION_HINT: &str = "`region=eu-west-1` in the cluster file, AWS_REGION, or `aws \
                               configure`";

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// EC2 refused it: the error's code and its message.
    Refused {
        /// `UnauthorizedOperation`, …
        code: String,
        /// EC2's own words.
        message: String,
    },
    /// No answer in time: whether it was done is not known.
    TimedOut,
    /// The endpoint was not reached, or broke off; why. Whether it was done is not known.
    Unreached(String),
    /// The endpoint failed inside, or answered what nobody understands. Whether it was done is not
    /// known.
    Broken(String),
    /// There are no credentials that can be used; why.
    Credentials(String),
}

impl Failure {
    /// The error's code, if EC2 refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// True if the call may have been done all the same.
    pub fn is_unsure(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Unreached(_) | Self::Broken(_))
    }

    /// True if other credentials are needed.
    pub fn is_of_credentials(&self) -> bool {
        match self {
            Self::Credentials(_) => true,
            Self::Refused { code, .. } => is_expiry(code) || is_distrust(code),
            Self::TimedOut | Self::Unreached(_) | Self::Broken(_) => false,
        }
    }

    /// True if it was not done, since there were too many calls.
    pub fn is_throttled(&self) -> bool {
        self.code().is_some_and(is_throttling)
    }

    /// For people. `operation` is EC2's name of the call (`RunInstances`).
    pub fn explain(&self, operation: &str) -> Fault {
        match self {
            Self::Refused { code, message } => explain(operation, code, message),
            Self::TimedOut => Fault::new(format!("EC2 did not answer in time ({operation})"))
                .hint("is the network there? run it again: nothing is done twice"),
            Self::Unreached(why) => Fault::new(format!("EC2 cannot be reached: {}", line(why)))
                .hint("the network, `region=` and `endpoint=` decide where it is"),
            Self::Broken(why) => Fault::new(format!("EC2 failed in {operation}: {}", line(why)))
                .hint("run it again: nothing is done twice"),
            Self::Credentials(why) => no_credentials(None, why),
        }
    }
}

/// True for the codes of too many calls.
pub fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "EC2ThrottledException"
            | "TooManyRequestsException"
            | "SlowDown"
    )
}

/// True for the codes of credentials whose time is over.
fn is_expiry(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired"
    )
}

/// True for the codes of credentials that AWS does not accept.
fn is_distrust(code: &str) -> bool {
    matches!(
        code,
        "AuthFailure"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "SignatureDoesNotMatch"
            | "MissingAuthenticationToken"
            | "IncompleteSignature"
    )
}

/// Explains an error of EC2 (Amazon EC2 API reference, "Error codes").
pub fn explain(operation: &str, code: &str, message: &str) -> Fault {
    let told = line(message);
    let plain = |hint: &str| Fault::new(told.clone()).hint(hint);
    match code {
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
            let action = action(message).unwrap_or_else(|| format!("ec2:{operation}"));
            Fault::new(format!("not allowed to do {action}"))
                .hint(format!("the user or role needs the permission {action}"))
        },
        code if is_expiry(code) => {
            Fault::new("the AWS credentials have expired").hint(CREDENTIALS_HINT)
        },
        code if is_distrust(code) => {
            Fault::new(format!("AWS does not accept the credentials: {told}"))
                .hint(CREDENTIALS_HINT)
        },
        "Blocked" | "PendingVerification" => {
            plain("AWS has to clear the account first: see the AWS console or its mail")
        },
        "OptInRequired" => plain(
            "the account is not subscribed to this: open the image's page in the AWS \
                   Marketplace, or enable the region",
        ),
        code if is_throttling(code) => {
            Fault::new(format!("EC2 has had too many calls for now ({operation})"))
                .hint("wait a minute, and run it again")
        },
        "InsufficientInstanceCapacity"
        | "InsufficientHostCapacity"
        | "InsufficientReservedInstanceCapacity" => plain(
            "EC2 has none left there: another `zone=`, `subnet=` or `instance_type=`, or later",
        ),
        "InstanceLimitExceeded" | "VcpuLimitExceeded" | "MaxSpotInstanceCountExceeded" => {
            plain("the account's quota is used up: Service Quotas in the AWS console raises it")
        },
        "SpotMaxPriceTooLow" => plain("leave out `spot=` or take another `instance_type=`"),
        code if code.starts_with("InvalidAMIID") || code == "InvalidAMIName.Malformed" => {
            plain("`image=` must be an image of this region, or `resolve:ssm:PARAMETER`")
        },
        "InvalidKeyPair.NotFound" => plain(
            "`key=` must be a key pair of this region (`keys` lists them); without `key=` and \
                   `keyfile=` dust makes one",
        ),
        "VpcIdNotSpecified" | "DefaultVpcDoesNotExist" | "MissingDefaultSubnet" => {
            Fault::new("this region has no default network").hint("set `subnet=subnet-…`")
        },
        "InvalidSubnetID.NotFound" | "InvalidSubnet" => {
            plain("`subnet=` must be one of this region")
        },
        code if code.starts_with("InvalidGroup") => {
            plain("`security_group=` must be of the subnet's VPC")
        },
        "InvalidPermission.Duplicate" => Fault::new("there is such a rule already"),
        "InvalidPermission.NotFound" => Fault::new("there is no such rule"),
        "InvalidPlacementGroup.Unknown" => plain("make it first: `aws ec2 create-placement-group`"),
        "InvalidInstanceID.NotFound" => Fault::new(told).hint("`refresh` shows what there is"),
        "IncorrectInstanceState" => plain("`refresh`, and try again when its state allows it"),
        "OperationNotPermitted" if told.contains("disableApiTermination") => {
            Fault::new("it is protected against termination").hint(
                "dust does not lift that: AWS console, or `aws ec2 modify-instance-attribute \
                       --no-disable-api-termination`",
            )
        },
        "OperationNotPermitted" if told.contains("disableApiStop") => {
            Fault::new("it is protected against stopping").hint(
                "dust does not lift that: AWS console, or `aws ec2 modify-instance-attribute \
                       --no-disable-api-stop`",
            )
        },
        "TagLimitExceeded" => plain("an instance has at most 50 tags"),
        "InvalidUserData.Malformed" => plain("`user_data=` must be a file of at most 16 KB"),
        "Unsupported" | "UnsupportedOperation" | "InvalidParameterCombination" => {
            Fault::new(format!("EC2 cannot do that: {told}"))
        },
        "InternalError" | "InternalFailure" | "Unavailable" | "ServiceUnavailable" => {
            Fault::new(format!("EC2 failed in {operation}: {told}"))
                .hint("run it again: nothing is done twice")
        },
        "" => Fault::new(told),
        code => Fault::new(format!("{told} [{code}]")),
    }
}

/// The permission that a message names: `… is not authorized to perform: ec2:RunInstances on …`.
fn action(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("perform: ")?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == ':';
    let name: String = rest.chars().take_while(|c| is_part(*c)).collect();
    (name.contains(':') && !name.ends_with(':')).then_some(name)
}

/// A message as one line without its final full stop. What follows `Encoded authorization failure
/// message` is a screen of base64.
fn line(message: &str) -> String {
    let text = message
        .split("Encoded authorization failure message")
        .next()
        .unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_missing_permission_is_named() {
        let message = "You are not authorized to perform this operation. User: \
             arn:aws:iam::1:user/me is not authorized to perform: ec2:RunInstances on resource: \
             arn:aws:ec2:x because no identity-based policy allows the ec2:RunInstances action. \
             Encoded authorization failure message: abcdef";
        let fault = explain("StartInstances", "UnauthorizedOperation", message);
        assert_eq!(fault.text, "not allowed to do ec2:RunInstances");
        let fault = explain("StopInstances", "UnauthorizedOperation", "No.");
        assert_eq!(fault.text, "not allowed to do ec2:StopInstances");
        assert_eq!(
            fault.hint.as_deref(),
            Some("the user or role needs the permission ec2:StopInstances")
        );
    }

    #[test]
    fn common_errors_say_what_to_do() {
        for (code, message, text, hint) in [
            ("ExpiredToken", "x", "have expired", "aws sso login"),
            ("RequestExpired", "x", "have expired", "aws sso login"),
            (
                "AuthFailure",
                "AWS was not able",
                "does not accept",
                "aws configure",
            ),
            ("RequestLimitExceeded", "x", "too many calls", "wait"),
            (
                "InsufficientInstanceCapacity",
                "We have none.",
                "We have none",
                "zone=",
            ),
            ("InvalidAMIID.NotFound", "no ami-1", "no ami-1", "image="),
            ("InvalidAMIID.Malformed", "no ami-1", "no ami-1", "image="),
            ("InvalidKeyPair.NotFound", "no k", "no k", "key="),
            ("VpcIdNotSpecified", "x", "no default network", "subnet="),
            ("OptInRequired", "must accept", "must accept", "Marketplace"),
            (
                "OperationNotPermitted",
                "The instance 'i-1' may not be terminated. Modify its 'disableApiTermination' …",
                "protected against termination",
                "does not lift",
            ),
            ("InternalError", "oh", "failed in Op: oh", "again"),
        ] {
            let fault = explain("Op", code, message);
            assert!(fault.text.contains(text), "{code}: {fault:?}");
            assert!(
                fault.hint.clone().unwrap_or_default().contains(hint),
                "{code}: {fault:?}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_told_as_it_is() {
        let fault = explain("Op", "Strange.Thing", "Something\n happened.");
        assert_eq!(fault.text, "Something happened [Strange.Thing]");
        assert_eq!(fault.hint, None);
    }

    #[test]
    fn a_profile_without_credentials_is_named() {
        let nothing = "the credential provider was not enabled";
        for (profile, why, text) in [
            (None, nothing, "no AWS credentials"),
            (None, "it is over.", "no AWS credentials: it is over"),
            (
                Some("work"),
                nothing,
                "no AWS credentials: there is no profile work, or it has none",
            ),
            (
                Some("work"),
                "profile `work` was not defined: could not find source profile work",
                "no AWS credentials: there is no profile work, or it has none",
            ),
            (
                Some("work"),
                "it is over",
                "no AWS credentials in the profile work: it is over",
            ),
        ] {
            let fault = no_credentials(profile, why);
            assert_eq!(fault.text, text);
            assert_eq!(fault.hint.as_deref(), Some(CREDENTIALS_HINT));
        }
    }

    #[test]
    fn what_may_have_been_done_is_told_apart() {
        let refused = |code: &str| Failure::Refused {
            code: code.into(),
            message: String::new(),
        };
        assert!(Failure::TimedOut.is_unsure());
        assert!(Failure::Unreached(String::new()).is_unsure());
        assert!(!refused("RequestLimitExceeded").is_unsure());
        assert!(refused("RequestLimitExceeded").is_throttled());
        assert!(!refused("InvalidAMIID.NotFound").is_throttled());
        assert!(!Failure::Credentials(String::new()).is_unsure());
        assert!(Failure::Credentials(String::new()).is_of_credentials());
        assert!(refused("SignatureDoesNotMatch").is_of_credentials());
        assert!(!refused("UnauthorizedOperation").is_of_credentials());
    }

    proptest! {
        #[test]
        fn a_fault_is_one_line(code in "[A-Za-z.]{0,20}", message in "(?s).{0,80}") {
            let fault = explain("Op", &code, &message);
            prop_assert!(!fault.text.contains('\n'));
        }
    }
}
