mod conformance;
mod kube_explain;
mod kube_objects;
