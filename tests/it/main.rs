mod conformance;
mod kube_objects;
