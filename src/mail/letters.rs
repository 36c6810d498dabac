//! What mails say, as text and as HTML that needs nothing from elsewhere. Names and addresses in them are other people's
//! text: escaped in HTML, without line breaks everywhere, and never part of an address that a link leads to.

use askama::Template;

/// A mail.
#[derive(Clone, Debug)]
pub struct Letter {
    /// To whom.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The heading.
    pub title: String,
    /// The paragraphs above the link.
    pub paragraphs: Vec<String>,
    /// The words on the link, and where it leads.
    pub link: Option<(String, String)>,
    /// What stands small below it.
    pub small: Vec<String>,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    letter: &'a Letter,
}

/// Other people's text in one line.
pub fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(200).collect()
}

impl Letter {
    /// As plain text.
    pub fn text(&self) -> String {
        let mut parts = vec![self.title.clone()];
        parts.extend(self.paragraphs.iter().cloned());
        parts.extend(self.link.iter().map(|(words, url)| format!("{words}:\n{url}")));
        parts.extend(self.small.iter().cloned());
        parts.join("\n\n") + "\n"
    }

    /// As a page.
    pub fn html(&self) -> String {
        // The template has no filter that can fail.
        Html { letter: self }.render().unwrap_or_default()
    }
}

/// An invitation as its mail says it.
#[derive(Clone, Debug)]
pub struct Invitation<'a> {
    /// Who is invited.
    pub to: &'a str,
    /// The organization.
    pub org: &'a str,
    /// Who invites; may be empty.
    pub by: &'a str,
    /// The teams.
    pub teams: &'a [String],
    /// Until when, in words.
    pub until: &'a str,
    /// Where to accept or decline.
    pub url: &'a str,
}

/// The mail of an invitation.
pub fn invitation(about: &Invitation) -> Letter {
    let (org, by) = (line(about.org), line(about.by));
    let teams: Vec<String> = about.teams.iter().map(|team| line(team)).collect();
    let who = if by.is_empty() { "You are invited".to_owned() } else { format!("{by} invites you") };
    let into = match teams.as_slice() {
        [] => format!("the organization {org}"),
        [one] => format!("the team {one} of {org}"),
        many => format!("the teams {} of {org}", many.join(", ")),
    };
    Letter {
        to: about.to.to_owned(),
        subject: format!("{who} to {org}"),
        title: format!("{who} to {into}"),
        paragraphs: vec!["Open the link to see what it is about, and to accept or decline.".to_owned()],
        link: Some(("See the invitation".to_owned(), about.url.to_owned())),
        small: vec![
            format!("The link works once, for {} only, until {}.", line(about.to), about.until),
            "If you did not expect this, do nothing: nothing happens without you.".to_owned(),
        ],
    }
}

/// The mail that proves an address at sign-up.
pub fn sign_up(to: &str, org: &str, url: &str) -> Letter {
    let org = line(org);
    Letter {
        to: to.to_owned(),
        subject: format!("Your account at {org}"),
        title: format!("Make your account at {org}"),
        paragraphs: vec!["Somebody, hopefully you, asked for an account with this address.".to_owned()],
        link: Some(("Make the account".to_owned(), url.to_owned())),
        small: vec![
            "The link works once, for a day.".to_owned(),
            "If it was not you, do nothing: without the link there is no account.".to_owned(),
        ],
    }
}

/// The mail with which a mail server is tried.
pub fn trial(to: &str, url: &str) -> Letter {
    Letter {
        to: to.to_owned(),
        subject: "Mail from Bailiwick works".to_owned(),
        title: "Mail from Bailiwick works".to_owned(),
        paragraphs: vec![format!("This is a test from {url}. Invitations will come the same way.")],
        link: None,
        small: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_text_in_every_part() {
        let teams = ["<b>team</b>".to_owned()];
        let letter = invitation(&Invitation {
            to: "zoe@example.com",
            org: "A\r\nBcc: all@example.com",
            by: "<script>alert(1)</script> 研究",
            teams: &teams,
            until: "3 May",
            url: "https://h/invite?code=abc",
        });
        assert!(!letter.subject.contains(['\r', '\n']));
        let html = letter.html();
        assert!(!html.contains("<script>") && !html.contains("<b>team"), "{html}");
        assert!(html.contains("研究") && html.contains("https://h/invite?code=abc"));
        assert!(letter.text().contains("See the invitation:\nhttps://h/invite?code=abc\n"));
        assert!(!html.contains("src=") && !html.contains("http://"), "it loads nothing");
    }
}
