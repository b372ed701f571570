//! Services and controllers: what SelectorSpreadPriority takes for a pod's fellows.

use crate::error::Result;
use crate::kube::object::meta::Meta;
use crate::kube::object::read::{At, Fields};
use crate::kube::object::selector::{Labels, Selector};
use crate::kube::y2016::label::set_selector;
use crate::kube::y2016::pod::Pod;

/// A selector and the namespace in which it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Scoped {
    namespace: String,
    selector: Selector,
}

/// All services and controllers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Owners {
    services: Vec<Scoped>,
    controllers: Vec<Scoped>,
}

impl Owners {
    /// Adds a service; without a selector it selects nothing, with an empty one everything.
    pub fn add_service(&mut self, namespace: &str, selector: Option<&Labels>) {
        let selector = selector.map(set_selector);
        self.services.extend(selector.map(|selector| Scoped { namespace: namespace.into(), selector }));
    }

    /// Adds a replication controller or a replica set; an empty selector selects nothing.
    pub fn add_controller(&mut self, namespace: &str, selector: Selector) {
        if !selector.is_empty() {
            self.controllers.push(Scoped { namespace: namespace.into(), selector });
        }
    }

    /// Forgets all of a namespace.
    pub fn remove_namespace(&mut self, namespace: &str) {
        self.services.retain(|scoped| scoped.namespace != namespace);
        self.controllers.retain(|scoped| scoped.namespace != namespace);
    }

    /// Selectors of all that select the pod: `GetPodServices`, `GetPodControllers`, `GetPodReplicaSets`
    /// (`pkg/client/cache/listers.go` v1.2.4). A pod without labels has no controller.
    pub fn selectors(&self, pod: &Pod) -> Vec<&Selector> {
        let controllers = self.controllers.iter().filter(|_| !pod.labels.is_empty());
        let all = self.services.iter().chain(controllers);
        let of_pod = all.filter(|scoped| scoped.namespace == pod.namespace && scoped.selector.matches(&pod.labels));
        of_pod.map(|scoped| &scoped.selector).collect()
    }

    /// Reads a Service object.
    pub fn read_service(&mut self, at: &At<'_>) -> Result<()> {
        let (namespace, spec) = namespace_and_spec(at)?;
        let selector = match spec {
            Some(mut spec) => spec.get("selector").map(|selector| selector.texts()).transpose()?,
            None => None,
        };
        self.add_service(&namespace, selector.as_ref());
        Ok(())
    }

    /// Reads a ReplicationController object. An empty selector takes the template's labels (`pkg/api/v1/defaults.go`).
    pub fn read_replication_controller(&mut self, at: &At<'_>) -> Result<()> {
        let (namespace, Some(mut spec)) = namespace_and_spec(at)? else { return Ok(()) };
        let mut labels = spec.get("selector").map(|selector| selector.texts()).transpose()?.unwrap_or_default();
        if labels.is_empty() {
            labels = template_labels(&mut spec)?;
        }
        self.add_controller(&namespace, set_selector(&labels));
        Ok(())
    }

    /// Reads a ReplicaSet object. A missing selector takes the template's labels
    /// (`pkg/apis/extensions/v1beta1/defaults.go`).
    pub fn read_replica_set(&mut self, at: &At<'_>) -> Result<()> {
        let (namespace, Some(mut spec)) = namespace_and_spec(at)? else { return Ok(()) };
        let selector = match spec.get("selector") {
            Some(selector) => Selector::read(&selector)?,
            None => Selector::of_labels(&template_labels(&mut spec)?),
        };
        self.add_controller(&namespace, selector);
        Ok(())
    }
}

fn namespace_and_spec<'a>(at: &At<'a>) -> Result<(String, Option<Fields<'a>>)> {
    let mut fields = at.object()?;
    let meta = Meta::take(&mut fields)?;
    Ok((meta.namespace, fields.get("spec").map(|spec| spec.object()).transpose()?))
}

fn template_labels(spec: &mut Fields<'_>) -> Result<Labels> {
    let Some(template) = spec.get("template") else { return Ok(Labels::new()) };
    let Some(metadata) = template.object()?.get("metadata") else { return Ok(Labels::new()) };
    Ok(metadata.object()?.get("labels").map(|labels| labels.texts()).transpose()?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(labels: &[(&str, &str)]) -> Pod {
        let labels = labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Pod { namespace: "default".into(), labels, ..Pod::default() }
    }

    fn object(namespace: &str, spec: Value) -> Value {
        json!({"metadata": {"name": "x", "namespace": namespace}, "spec": spec})
    }

    #[test]
    fn only_what_selects_the_pod_in_its_namespace_counts() {
        let mut owners = Owners::default();
        let web = json!({"selector": {"app": "web"}});
        owners.read_service(&At::top(&object("default", web.clone()))).unwrap();
        owners.read_service(&At::top(&object("other", web.clone()))).unwrap();
        owners.read_service(&At::top(&object("default", json!({})))).unwrap();
        owners.read_replication_controller(&At::top(&object("default", web))).unwrap();
        owners.read_replication_controller(&At::top(&object("default", json!({"selector": {}})))).unwrap();
        owners.read_replica_set(&At::top(&object("default", json!({"selector": {}})))).unwrap();
        assert_eq!(owners.selectors(&pod(&[("app", "web"), ("tier", "a")])).len(), 2);
        assert_eq!(owners.selectors(&pod(&[("app", "db")])).len(), 0);
        owners.remove_namespace("default");
        assert_eq!(owners.selectors(&pod(&[("app", "web")])).len(), 0);
    }

    #[test]
    fn an_empty_service_selects_all_and_a_controller_none_of_the_unlabelled() {
        let mut owners = Owners::default();
        owners.read_service(&At::top(&object("default", json!({"selector": {}})))).unwrap();
        let absent = json!({"selector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}});
        owners.read_replica_set(&At::top(&object("default", absent))).unwrap();
        assert_eq!(owners.selectors(&pod(&[])).len(), 1);
        assert_eq!(owners.selectors(&pod(&[("tier", "a")])).len(), 2);
    }

    #[test]
    fn a_missing_selector_is_the_template() {
        let spec = json!({"template": {"metadata": {"labels": {"app": "web"}}}});
        let mut owners = Owners::default();
        owners.read_replication_controller(&At::top(&object("default", spec.clone()))).unwrap();
        owners.read_replica_set(&At::top(&object("default", spec))).unwrap();
        assert_eq!(owners.selectors(&pod(&[("app", "web")])).len(), 2);
    }
}
