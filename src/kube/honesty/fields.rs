//! What becomes of every field of every kind that is read: the table behind the honesty report and the docs.
//!
//! `{a,b}` stands for several fields, `*` for any field that no other row names, a first `*` for every kind. A row
//! speaks for all that is below its field, unless a row goes deeper. A field that no row covers is not known.

use super::Class::{self, Approximated, DecidesNothing, Honoured, Ignored};

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// The fields: `Pod.spec.containers[].{name,args}`.
    pub path: &'static str,
    /// What becomes of them.
    pub class: Class,
    /// What else there is to say; may be empty.
    pub note: &'static str,
}

const fn row(path: &'static str, class: Class, note: &'static str) -> FieldInfo {
    FieldInfo { path, class, note }
}

/// Kinds that are read.
pub const KINDS: &[&str] = &[
    "Node",
    "Pod",
    "Namespace",
    "Service",
    "PriorityClass",
    "PodDisruptionBudget",
    "ReplicationController",
    "ReplicaSet",
    "StatefulSet",
    "Deployment",
    "DaemonSet",
    "Job",
    "CronJob",
];

/// Kinds that are not read and whose absence could decide something, and what they do.
pub const DECIDING_KINDS: &[(&str, &str)] = &[
    ("LimitRange", "its defaults are not given to pods that are made here"),
    ("ResourceQuota", "pods that it would refuse are made all the same"),
];

/// The fields whose value is a pod template; they are read as `Pod.metadata` and `Pod.spec`.
pub const TEMPLATES: &[&str] = &[
    "ReplicationController.spec.template",
    "ReplicaSet.spec.template",
    "StatefulSet.spec.template",
    "Deployment.spec.template",
    "DaemonSet.spec.template",
    "Job.spec.template",
    "CronJob.spec.jobTemplate.spec.template",
];

const VOLUMES: &str = "VolumeBinding, VolumeZone, VolumeRestrictions and NodeVolumeLimits are not modelled";

/// The table, kind by kind.
pub const FIELDS: &[FieldInfo] = &[
    row("*.{apiVersion,kind}", DecidesNothing, "they say how an object is read; any version will do"),
    row("*.metadata.{name,namespace,labels}", Honoured, ""),
    row("*.metadata.ownerReferences", Honoured, "the one with `controller: true`"),
    row("*.metadata.*", DecidesNothing, ""),
    row("Node.spec.unschedulable", Honoured, ""),
    row("Node.spec.taints[].{key,value,effect}", Honoured, ""),
    row("Node.spec.taints[].timeAdded", DecidesNothing, ""),
    row("Node.spec.{podCIDR,podCIDRs,providerID,externalID,configSource}", DecidesNothing, ""),
    row("Node.status.allocatable", Honoured, ""),
    row("Node.status.capacity", Honoured, "where there is no allocatable"),
    row("Node.status.images", Honoured, ""),
    row("Node.status.conditions", DecidesNothing, "the scheduler reads the taints that follow from them"),
    row("Node.status.declaredFeatures", DecidesNothing, "no pod that asks for one is modelled"),
    row("Node.status.*", DecidesNothing, ""),
    row("Pod.metadata.creationTimestamp", Honoured, "the order of the queue"),
    row("Pod.metadata.deletionTimestamp", Honoured, "a pending pod that is being deleted is not placed"),
    row("Pod.metadata.annotations", Honoured, "`kubernetes.io/config.mirror` marks static pods"),
    row("Pod.spec.{nodeName,schedulerName,priority,preemptionPolicy,schedulingGates,nodeSelector}", Honoured, ""),
    row("Pod.spec.priorityClassName", Honoured, "the class must be among the objects"),
    row("Pod.spec.tolerations[].{key,operator,value,effect}", Honoured, ""),
    row(
        "Pod.spec.tolerations[].tolerationSeconds",
        Honoured,
        "in a replay, for unreachable nodes; a single decision does not depend on it",
    ),
    row("Pod.spec.affinity.{nodeAffinity,podAffinity,podAntiAffinity}", Honoured, ""),
    row("Pod.spec.topologySpreadConstraints", Honoured, ""),
    row("Pod.spec.{hostNetwork,overhead}", Honoured, ""),
    row("Pod.spec.resources.{requests,limits}", Honoured, ""),
    row("Pod.spec.resources.claims", Ignored, "DynamicResources is not modelled"),
    row("Pod.spec.resourceClaims", Ignored, "DynamicResources is not modelled"),
    row("Pod.spec.runtimeClassName", Approximated, "what the class adds at admission counts if it stands in the pod"),
    row("Pod.spec.{schedulingGroup,workloadRef}", DecidesNothing, "gangs are off in kube-scheduler 1.36"),
    row("Pod.spec.{containers,initContainers}[].resources.{requests,limits}", Honoured, ""),
    row("Pod.spec.{containers,initContainers}[].resources.claims", Ignored, "DynamicResources is not modelled"),
    row("Pod.spec.{containers,initContainers}[].image", Honoured, "ImageLocality"),
    row("Pod.spec.{containers,initContainers}[].ports[].{containerPort,hostPort,hostIP,protocol}", Honoured, ""),
    row("Pod.spec.{containers,initContainers}[].ports[].name", DecidesNothing, ""),
    row("Pod.spec.initContainers[].restartPolicy", Honoured, "sidecars"),
    row(
        "Pod.spec.{restartPolicy,terminationGracePeriodSeconds}",
        Honoured,
        "in a replay; a single decision does not depend on it",
    ),
    row("Pod.spec.containers[].{restartPolicy,restartPolicyRules}", DecidesNothing, ""),
    row(
        "Pod.spec.{containers,initContainers}[].{name,command,args,env,envFrom,workingDir,imagePullPolicy,\
         livenessProbe,readinessProbe,startupProbe,lifecycle,securityContext,stdin,stdinOnce,tty,\
         terminationMessagePath,terminationMessagePolicy,volumeMounts,volumeDevices,resizePolicy}",
        DecidesNothing,
        "",
    ),
    row("Pod.spec.volumes[].image", Honoured, "ImageLocality"),
    row(
        "Pod.spec.volumes[].{persistentVolumeClaim,ephemeral,csi,gcePersistentDisk,awsElasticBlockStore,azureDisk,\
         cinder,iscsi,rbd,vsphereVolume,portworxVolume}",
        Ignored,
        VOLUMES,
    ),
    row(
        "Pod.spec.volumes[].{name,emptyDir,configMap,secret,projected,downwardAPI,hostPath,nfs,azureFile,cephfs,fc,\
         flexVolume,flocker,gitRepo,glusterfs,quobyte,scaleIO,storageos}",
        DecidesNothing,
        "",
    ),
    row(
        "Pod.spec.{dnsPolicy,dnsConfig,serviceAccount,serviceAccountName,automountServiceAccountToken,\
         securityContext,imagePullSecrets,enableServiceLinks,activeDeadlineSeconds,\
         hostname,hostnameOverride,subdomain,hostAliases,hostPID,hostIPC,hostUsers,shareProcessNamespace,\
         readinessGates,setHostnameAsFQDN,ephemeralContainers,os}",
        DecidesNothing,
        "",
    ),
    row("Pod.status.{phase,startTime,nominatedNodeName}", Honoured, ""),
    row("Pod.status.{containerStatuses,initContainerStatuses}", Honoured, "resources in force during a resize"),
    row("Pod.status.conditions", Honoured, "DisruptionTarget and PodResizePending"),
    row("Pod.status.*", DecidesNothing, ""),
    row("{ReplicationController,ReplicaSet,StatefulSet,Deployment,DaemonSet}.spec.selector", Honoured, ""),
    row("{ReplicationController,ReplicaSet,StatefulSet,Deployment}.spec.replicas", Honoured, ""),
    row(
        "{ReplicationController,ReplicaSet,StatefulSet,Deployment,DaemonSet}.spec.{minReadySeconds,\
         revisionHistoryLimit}",
        DecidesNothing,
        "",
    ),
    row("{ReplicationController,ReplicaSet,StatefulSet,Deployment,DaemonSet,CronJob}.status", DecidesNothing, ""),
    row("Deployment.spec.{strategy,progressDeadlineSeconds}", DecidesNothing, ""),
    row("Deployment.spec.paused", Approximated, "its pods are made all the same"),
    row("StatefulSet.spec.podManagementPolicy", Approximated, "its pods are all made at once"),
    row("StatefulSet.spec.ordinals", Approximated, "its pods are numbered from 0"),
    row("StatefulSet.spec.volumeClaimTemplates", Ignored, VOLUMES),
    row("StatefulSet.spec.{serviceName,updateStrategy,persistentVolumeClaimRetentionPolicy}", DecidesNothing, ""),
    row("DaemonSet.spec.updateStrategy", DecidesNothing, ""),
    row("{Job,CronJob.spec.jobTemplate}.spec.{parallelism,completions,suspend,selector}", Honoured, ""),
    row(
        "{Job,CronJob.spec.jobTemplate}.spec.{backoffLimit,podReplacementPolicy}",
        Honoured,
        "in a replay; a single decision does not depend on it",
    ),
    row(
        "{Job,CronJob.spec.jobTemplate}.spec.podFailurePolicy",
        Approximated,
        "in a replay: a deleted pod is replaced when it has ended; the rules are not read",
    ),
    row(
        "{Job,CronJob.spec.jobTemplate}.spec.{completionMode,activeDeadlineSeconds,backoffLimitPerIndex,\
         maxFailedIndexes,manualSelector,managedBy,successPolicy,ttlSecondsAfterFinished}",
        DecidesNothing,
        "",
    ),
    row("Job.status.conditions", Honoured, "a finished Job makes no pods"),
    row("Job.status.*", DecidesNothing, ""),
    row("CronJob.spec.schedule", Approximated, "one Job, as if its time had come"),
    row("CronJob.spec.suspend", Honoured, ""),
    row(
        "CronJob.spec.{timeZone,concurrencyPolicy,startingDeadlineSeconds,successfulJobsHistoryLimit,\
         failedJobsHistoryLimit}",
        DecidesNothing,
        "",
    ),
    row("CronJob.spec.jobTemplate.metadata", DecidesNothing, ""),
    row("Namespace.{spec,status}", DecidesNothing, ""),
    row("Service.spec.selector", Honoured, "the default spread constraints"),
    row("Service.spec.*", DecidesNothing, ""),
    row("Service.status", DecidesNothing, ""),
    row("PriorityClass.{value,globalDefault,preemptionPolicy}", Honoured, ""),
    row("PriorityClass.description", DecidesNothing, ""),
    row("PodDisruptionBudget.spec.selector", Honoured, ""),
    row(
        "PodDisruptionBudget.spec.{minAvailable,maxUnavailable}",
        Approximated,
        "as `status.disruptionsAllowed` has it (without a status none is allowed); a replay works it out anew",
    ),
    row("PodDisruptionBudget.spec.unhealthyPodEvictionPolicy", DecidesNothing, ""),
    row("PodDisruptionBudget.status.{disruptionsAllowed,disruptedPods}", Honoured, ""),
    row("PodDisruptionBudget.status.*", DecidesNothing, ""),
];
