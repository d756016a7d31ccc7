//! As much XML as the EC2 API speaks: elements and text, no attributes that matter, no namespaces,
//! no CDATA.

use std::fmt::Write as _;

/// An element: its name, its text or its children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Xml {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Self>,
}

impl Xml {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            children: Vec::new(),
        }
    }

    pub(crate) fn with(name: &str, children: Vec<Self>) -> Self {
        Self {
            children,
            ..Self::new(name, "")
        }
    }

    /// The outermost element of a document. None where it is no such XML.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut open: Vec<Self> = vec![Self::default()];
        let mut rest = text;
        while let Some((before, tag)) = rest.split_once('<') {
            let (tag, after) = tag.split_once('>')?;
            rest = after;
            open.last_mut()?.text.push_str(&unescape(before));
            if tag.starts_with(['?', '!']) {
                continue;
            }
            if let Some(name) = tag.strip_prefix('/') {
                let mut done = open.pop()?;
                if done.name != name || open.is_empty() {
                    return None;
                }
                if !done.children.is_empty() {
                    done.text.clear();
                }
                open.last_mut()?.children.push(done);
                continue;
            }
            let name = tag.split([' ', '/']).next().unwrap_or_default();
            let element = Self::new(name, "");
            if tag.ends_with('/') {
                open.last_mut()?.children.push(element);
            } else {
                open.push(element);
            }
        }
        let mut root = open.pop().filter(|_| open.is_empty())?;
        root.children.pop()
    }

    /// As a document.
    pub(crate) fn document(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        write!(out, "<{}>{}", self.name, escape(&self.text)).unwrap();
        for child in &self.children {
            child.write(out);
        }
        write!(out, "</{}>", self.name).unwrap();
    }

    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first child of this name, made where there is none.
    pub(crate) fn child_mut(&mut self, name: &str) -> &mut Self {
        let at = self.children.iter().position(|child| child.name == name);
        let at = at.unwrap_or_else(|| {
            self.children.push(Self::new(name, ""));
            self.children.len() - 1
        });
        &mut self.children[at]
    }

    /// The text at a path of names (`placement/availabilityZone`); empty where there is none.
    pub(crate) fn at(&self, path: &str) -> &str {
        path.split('/')
            .try_fold(self, |element, name| element.child(name))
            .map_or("", |element| &element.text)
    }

    /// The items of a list: `list` is the name of the element that holds them.
    pub(crate) fn items(&self, list: &str) -> &[Self] {
        self.child(list).map_or(&[], |list| &list.children)
    }

    /// The first element of this name, however deep.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}
