//! A unit's name and its parts (`NewUnitNameInfo`, unit/unit.go:219-243), which `%n %N %p %i` stand for.

/// The parts of a name that has a suffix: `app@7.service`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnitName<'n> {
    /// `%n`: `app@7.service`.
    pub full: &'n str,
    /// `%N`: without the last `.suffix`, `app@7`.
    pub name: &'n str,
    /// `%p`: up to the first `@`, `app`; the whole of [`UnitName::name`] where there is none.
    pub prefix: &'n str,
    /// `%i`: between the first `@` and the last `.`, `7`; empty where there is no `@` or nothing after it.
    pub instance: &'n str,
}

impl<'n> UnitName<'n> {
    /// The parts; `None` for a name without `.`, in whose options nothing is replaced.
    pub fn new(full: &'n str) -> Option<UnitName<'n>> {
        let (name, _) = full.rsplit_once('.')?;
        let (prefix, instance) = name.split_once('@').unwrap_or((name, ""));
        Some(UnitName { full, name, prefix, instance })
    }

    /// The name of the template that an instance is made from (`app@.service`), or of a template itself.
    pub fn template(&self) -> Option<String> {
        let suffix = &self.full[self.name.len()..];
        self.name.contains('@').then(|| format!("{}@{suffix}", self.prefix))
    }

    /// Whether this is a template and no instance: `app@.service`.
    pub fn is_template(&self) -> bool {
        self.instance.is_empty() && self.name.contains('@')
    }

    /// `text` with `%n`, `%N`, `%p` and `%i` replaced, one after the other (`unitPrintf`, job/job.go:294-300): what stands
    /// in for an earlier one is looked at again for the later ones. There is no `%%`.
    pub fn fill(&self, text: &str) -> String {
        let text = text.replace("%n", self.full).replace("%N", self.name);
        text.replace("%p", self.prefix).replace("%i", self.instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_at_its_last_dot_and_its_first_at() {
        let parts = |name| UnitName::new(name).map(|n: UnitName| (n.name, n.prefix, n.instance, n.template()));
        assert_eq!(parts("foo@bar.waldo"), Some(("foo@bar", "foo", "bar", Some("foo@.waldo".into()))));
        assert_eq!(parts("a_v1.web.2.service"), Some(("a_v1.web.2", "a_v1.web.2", "", None)));
        assert_eq!(parts("a@b@c.d.service"), Some(("a@b@c.d", "a", "b@c.d", Some("a@.service".into()))));
        assert_eq!(parts("app@.service"), Some(("app@", "app", "", Some("app@.service".into()))));
        assert_eq!(parts("plain"), None);
        assert!(UnitName::new("app@.service").unwrap().is_template());
        assert!(!UnitName::new("app@1.service").unwrap().is_template());
        assert!(!UnitName::new("app.service").unwrap().is_template());
    }

    #[test]
    fn specifiers_are_replaced_in_order_and_what_they_bring_is_looked_at_again() {
        let name = UnitName::new("job@7.service").unwrap();
        assert_eq!(name.fill("%n %N %p %i %x %%"), "job@7.service job@7 job 7 %x %%");
        // %N brings a %i, which comes later and is replaced; %i brings a %N, which came earlier and stays.
        assert_eq!(UnitName::new("a%i@7.service").unwrap().fill("%N"), "a7@7");
        assert_eq!(UnitName::new("a@%N.service").unwrap().fill("%i"), "%N");
    }
}
