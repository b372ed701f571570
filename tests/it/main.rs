mod conformance;
mod kube_explain;
mod kube_fuzz;
mod kube_objects;
