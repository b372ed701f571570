//! Disks that a pod mounts directly, as far as the scheduler looks at them.

use crate::error::Result;
use crate::kube::object::read::At;
use crate::kube::y2016::Version;

/// A volume with a say in where its pod goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Volume {
    /// A persistent disk of Google's cloud.
    GcePersistentDisk {
        /// `pdName`.
        name: String,
        /// Whether it is mounted read-only.
        read_only: bool,
    },
    /// A volume of Amazon's Elastic Block Store, by its id.
    AwsElasticBlockStore(String),
    /// An image in Ceph.
    Rbd {
        /// Addresses of the monitors.
        monitors: Vec<String>,
        /// Pool.
        pool: String,
        /// Image.
        image: String,
    },
}

impl Volume {
    /// `isVolumeConflict` (`algorithm/predicates/predicates.go` v1.2.4), one volume against one: both cannot be on the
    /// same node.
    pub fn conflicts(&self, other: &Volume) -> bool {
        match (self, other) {
            (
                Volume::GcePersistentDisk { name, read_only },
                Volume::GcePersistentDisk { name: other, read_only: other_read_only },
            ) => name == other && !(*read_only && *other_read_only),
            (Volume::AwsElasticBlockStore(id), Volume::AwsElasticBlockStore(other)) => id == other,
            (
                Volume::Rbd { monitors, pool, image },
                Volume::Rbd { monitors: others, pool: other_pool, image: other_image },
            ) => monitors.iter().any(|m| others.contains(m)) && pool == other_pool && image == other_image,
            _ => false,
        }
    }

    /// Reads `spec.volumes`. Claims are refused: what they are bound to is not among the objects of a case. Under
    /// v1.2.4 the API has no default for the pool of an image.
    pub fn read_list(at: &At<'_>, version: Version) -> Result<Vec<Volume>> {
        let mut volumes = Vec::new();
        for item in at.list()? {
            let mut fields = item.object()?;
            if let Some(claim) = fields.get("persistentVolumeClaim") {
                return Err(claim.error("claims are not modelled; mount the disk itself, or leave the volume out"));
            }
            if let Some(disk) = fields.get("gcePersistentDisk") {
                let mut disk = disk.object()?;
                let name = disk.text("pdName")?.unwrap_or_default().to_string();
                let read_only = disk.get("readOnly").map(|r| r.boolean()).transpose()?.unwrap_or(false);
                volumes.push(Volume::GcePersistentDisk { name, read_only });
            }
            if let Some(disk) = fields.get("awsElasticBlockStore") {
                let id = disk.object()?.text("volumeID")?.unwrap_or_default().to_string();
                volumes.push(Volume::AwsElasticBlockStore(id));
            }
            if let Some(image) = fields.get("rbd") {
                let mut image = image.object()?;
                let default = if version == Version::V1_2_4 { "" } else { "rbd" };
                volumes.push(Volume::Rbd {
                    monitors: image.get("monitors").map(|m| m.text_list()).transpose()?.unwrap_or_default(),
                    pool: image.text("pool")?.unwrap_or(default).to_string(),
                    image: image.text("image")?.unwrap_or_default().to_string(),
                });
            }
        }
        Ok(volumes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: &Value, version: Version) -> Result<Vec<Volume>> {
        Volume::read_list(&At { value, path: "spec.volumes".into() }, version)
    }

    #[test]
    fn a_disk_is_shared_only_if_nobody_writes() {
        let disk = |name: &str, read_only: bool| Volume::GcePersistentDisk { name: name.into(), read_only };
        assert!(disk("a", false).conflicts(&disk("a", true)));
        assert!(!disk("a", true).conflicts(&disk("a", true)));
        assert!(!disk("a", false).conflicts(&disk("b", false)));
        let ebs = |id: &str| Volume::AwsElasticBlockStore(id.into());
        assert!(ebs("a").conflicts(&ebs("a")) && !ebs("a").conflicts(&disk("a", false)));
    }

    #[test]
    fn an_image_is_the_same_where_a_monitor_is() {
        let image = |monitors: &[&str], pool: Option<&str>, version| {
            let volume = json!([{"name": "v", "rbd": {"monitors": monitors, "pool": pool, "image": "i"}}]);
            read(&volume, version).unwrap().remove(0)
        };
        for version in Version::ALL {
            let one = image(&["m1", "m2"], Some("rbd"), version);
            assert!(one.conflicts(&image(&["m2", "m3"], Some("rbd"), version)));
            assert!(!one.conflicts(&image(&["m3"], Some("rbd"), version)));
            assert!(!one.conflicts(&image(&["m1"], Some("other"), version)));
            assert_eq!(one.conflicts(&image(&["m1"], None, version)), version == Version::V1_3_0);
        }
    }

    #[test]
    fn a_claim_is_refused_and_other_volumes_are_passed_over() {
        let claim = json!([{"name": "a", "emptyDir": {}}, {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]);
        let error = read(&claim, Version::V1_2_4).unwrap_err();
        assert_eq!(error.field(), Some("spec.volumes[1].persistentVolumeClaim"));
        assert_eq!(read(&json!([{"name": "a", "emptyDir": {}}]), Version::V1_2_4).unwrap(), []);
    }
}
