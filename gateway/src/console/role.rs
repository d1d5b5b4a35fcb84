//! What an account may do. The list is closed: one role an account, and what is not said here
//! nobody may do.

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sends households: sheets, questions, steps of the office that hands over.
    SendingClerk,
    /// Receives them: queue, decisions, places, check-in at the window.
    ReceivingClerk,
    /// Reads agreements and approves what another post has entered.
    Approver,
    /// A village or township station: hands in sheets and sees no case.
    StationIntake,
    /// Takes a person's own word at the window of another office than the one that sends. Sees no
    /// case but that of the document in hand.
    WindowOfficer,
    /// Reads counts and deadlines of the own office and its agreements, and no person.
    Director,
    /// Sees how an item stands that a worker gave to this helper, and no person.
    NamedHelper,
    /// An employer: proposes posts, and states when work began and ended of whoever was released to it
    /// and hands over the number.
    Employer,
    /// A liaison post: what is open and late under the agreements that name it, and no person.
    Liaison,
    /// Reads agreements, and no person.
    ComplianceReviewer,
    /// Makes, resets and disables accounts, and sees no case at all.
    SecurityAdministrator,
    /// Looks after the node: partner cities, queues, keys. Sees no case, makes no account.
    SystemAdministrator,
}

/// The role of a token at the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenRole {
    /// Works on cases.
    Clerk,
    /// Approves agreements.
    Approver,
    /// Reads without personal data.
    Compliance,
    /// Looks after the node.
    Operator,
    /// Takes the word of whoever stands there.
    Window,
    /// Helps with items that workers gave to it.
    Helper,
    /// The window of an employer.
    Employer,
    /// A liaison post.
    Liaison,
}

impl Role {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Role; 12] = [
        Role::SendingClerk,
        Role::ReceivingClerk,
        Role::Approver,
        Role::StationIntake,
        Role::WindowOfficer,
        Role::Director,
        Role::NamedHelper,
        Role::Employer,
        Role::Liaison,
        Role::ComplianceReviewer,
        Role::SecurityAdministrator,
        Role::SystemAdministrator,
    ];

    /// Its name in the accounts and in forms.
    pub fn name(self) -> &'static str {
        match self {
            Role::SendingClerk => "sending",
            Role::ReceivingClerk => "receiving",
            Role::Approver => "approver",
            Role::StationIntake => "station",
            Role::WindowOfficer => "window",
            Role::Director => "director",
            Role::NamedHelper => "helper",
            Role::Employer => "employer",
            Role::Liaison => "liaison",
            Role::ComplianceReviewer => "compliance",
            Role::SecurityAdministrator => "security",
            Role::SystemAdministrator => "system",
        }
    }

    /// The role of that name.
    pub fn of_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// The token it speaks to the node with; an account of none never speaks to it.
    pub fn token(self) -> Option<TokenRole> {
        match self {
            Role::SendingClerk | Role::ReceivingClerk | Role::StationIntake | Role::Director => {
                Some(TokenRole::Clerk)
            }
            Role::Approver => Some(TokenRole::Approver),
            Role::WindowOfficer => Some(TokenRole::Window),
            Role::NamedHelper => Some(TokenRole::Helper),
            Role::Employer => Some(TokenRole::Employer),
            Role::Liaison => Some(TokenRole::Liaison),
            Role::ComplianceReviewer => Some(TokenRole::Compliance),
            Role::SystemAdministrator => Some(TokenRole::Operator),
            Role::SecurityAdministrator => None,
        }
    }
}
