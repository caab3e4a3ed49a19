//! Panels for tests: text queries whose prompts say which query they are.

use super::temp::Temp;

/// A panel folder in the making.
pub struct Panel {
    pub name: String,
    head: String,
    queries: String,
    tail: String,
    files: Vec<(String, String)>,
}

impl Panel {
    pub fn new(name: &str) -> Panel {
        let head = format!("title = \"{name}\"\n");
        Panel { name: name.into(), head, queries: String::new(), tail: String::new(), files: Vec::new() }
    }

    /// `count` text queries `q1`, `q2`, ... that need nothing.
    pub fn of(name: &str, count: usize) -> Panel {
        (1..=count).fold(Panel::new(name), |panel, n| panel.query(&format!("q{n}"), ""))
    }

    /// A text query; `more` are lines of TOML, such as `needs`.
    pub fn query(mut self, id: &str, more: &str) -> Panel {
        let prompt = format!("prompts/{id}.md");
        self.queries += &format!("\n[[query]]\nid = \"{id}\"\nprompt = \"{prompt}\"\n{more}\n");
        let mut text = format!("query={id};\n{{{{ question }}}}\n");
        if let Some(list) = more.lines().find_map(|line| line.trim().strip_prefix("needs = ")) {
            for need in list.split('"').skip(1).step_by(2) {
                text += &format!("Answer of {need}: {{{{ answers.{need} }}}}\n");
            }
        }
        self.files.push((prompt, text));
        self
    }

    /// A text query with a prompt of its own.
    pub fn prompted(self, id: &str, prompt: &str) -> Panel {
        let mut panel = self.query(id, "");
        panel.files.pop();
        panel.files.push((format!("prompts/{id}.md"), prompt.into()));
        panel
    }

    /// A query whose answer must fit a schema.
    pub fn json_query(self, id: &str, schema: &str, more: &str) -> Panel {
        let mut panel = self.query(id, &format!("output = \"schema/{id}.json\"\n{more}"));
        panel.files.push((format!("schema/{id}.json"), schema.into()));
        panel
    }

    /// Lines before the queries, such as `[limits]`.
    pub fn head(mut self, toml: &str) -> Panel {
        self.head += &format!("{toml}\n");
        self
    }

    /// Lines after the queries, such as `[merge]`.
    pub fn tail(mut self, toml: &str) -> Panel {
        self.tail += &format!("\n{toml}\n");
        self
    }

    /// Writes the panel's folder below `within`.
    pub fn write(&self, temp: &Temp, within: &str) {
        let folder = format!("{within}/{}", self.name);
        temp.write(&format!("{folder}/panel.toml"), &format!("{}{}{}", self.head, self.queries, self.tail));
        for (name, content) in &self.files {
            temp.write(&format!("{folder}/{name}"), content);
        }
    }
}
