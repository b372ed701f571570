//! `plimsoll reproduce` through the program itself, on a world small enough to be worked out by hand.
//!
//! Two hosts of two GPUs each, so one GPU is 25 %. In the order of the file arrive one GPU, two GPUs, one GPU, half a GPU
//! and no GPU. The first goes to either host, the second fits only on the other, the third only on the first; then
//! nothing is left, so the half GPU is given up, and the last asks for none. So every policy, even one of chance, has
//! allocated 25, 75, 100, 100 and 100 % as 25, 75, 100, 112.5 and 112.5 % have arrived (112.5 rounds to the even 112).
//!
//! Typical jobs: half a GPU is asked for by two of five jobs (0.4), the other three kinds by one (0.2 each). After the
//! first arrival host A has 1,000 thousandths idle: lost to who asks for two GPUs or none, 0.4 x 1000 = 400. Host B has
//! 2,000: lost to who asks for none, 0.2 x 2000 = 400. 800 of 3,000 idle is 26.67 %, of all 4,000 it is 20 %. After the
//! second B is full: 400 of 1,000 is 40 %, 10 % of all. Then nothing is idle, which counts as 0 %.

use crate::program::{Folder, expect};

const HOSTS: &str = "sn,cpu_milli,memory_mib,gpu,model\n\
                     openb-node-0000,10000,10240,2,T4\n\
                     openb-node-0001,10000,10240,2,T4\n";
const JOBS: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n\
     p0,1000,1024,1,500,,LS,Running,0,100,0\n\
     p1,1000,1024,1,1000,,LS,Running,1,100,1\n\
     p2,1000,1024,2,1000,,LS,Running,2,100,2\n\
     p3,1000,1024,0,0,,LS,Running,3,100,3\n\
     p4,1000,1024,1,500,,LS,Running,4,100,4\n";
const POLICIES: [&str; 6] = ["FGD", "Random", "DotProd", "GpuClustering", "GpuPacking", "BestFit"];

/// A folder with the lists in `data` and the orders of seeds 42 and 43 in `orders`, which differ in who wins ties.
fn world(name: &str) -> Folder {
    let folder = Folder::new(name);
    for inside in ["data", "orders"] {
        std::fs::create_dir(folder.path().join(inside)).unwrap();
    }
    folder.put("data/openb_node_list_gpu_node.csv", HOSTS.as_bytes());
    folder.put("data/openb_pod_list_default.csv", JOBS.as_bytes());
    folder.put("orders/default_seed42.txt", b"arrivals 1 2 1 0 3\nnodes_in_tie_order 0000 0001\n");
    folder.put("orders/default_seed43.txt", b"arrivals 1 2 1 4 3\nnodes_in_tie_order 0001 0000\n");
    folder
}

/// The curves worked out above, of every policy under both seeds.
fn curves() -> String {
    let mut text = "metric,policy,seed,25,75,100,112\n".to_owned();
    for policy in POLICIES {
        for seed in [42, 43] {
            text.push_str(&format!("gpu_alloc_pct,{policy},{seed},25,75,100,100\n"));
            text.push_str(&format!("frag_ratio_pct,{policy},{seed},26.667,40,,\n"));
            text.push_str(&format!("gpu_frag_pct_of_capacity,{policy},{seed},20,10,0,0\n"));
        }
    }
    text
}

fn reproduce(folder: &Folder, code: i32, more: &[&str]) -> (String, String) {
    let (data, out) = (folder.of("data"), folder.of("out"));
    expect(code, &[&["reproduce", "fgd-atc23", "--data", &data, "-o", &out][..], more].concat())
}

fn table(folder: &Folder, name: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(folder.path().join("out").join(name))
        .unwrap_or_else(|why| panic!("{name}: {why}"));
    reader.records().map(|record| record.unwrap().iter().map(String::from).collect()).collect()
}

#[test]
fn published_curves_are_reproduced_in_the_published_orders() {
    let folder = world("reproduce-same");
    let (orders, theirs) = (folder.of("orders"), folder.put("published.csv", curves().as_bytes()));
    let (out, err) =
        reproduce(&folder, 0, &["--orders", &orders, "--expected", &theirs, "--seeds", "42..44", "-j", "2"]);
    assert!(out.contains("Reproduced: FGD, DotProd, GpuClustering, GpuPacking, BestFit."), "{out}");
    // All draws of chance come to the same here: the mean is the published one, its spread none.
    assert!(out.contains("Not comparable draw by draw, mean agrees: Random."), "{out}");
    let of_page = |line: &str| line.starts_with("The page is ") && line.contains("out/reproduce.html");
    assert!(out.lines().all(|line| line.chars().count() <= 100 || of_page(line)) && out.lines().any(of_page), "{out}");
    assert_eq!(
        err,
        "warning: these are not the paper's data: 2 hosts and a list of 5 jobs, where it has 1213 and 8152\n"
    );

    let ours = table(&folder, "curves.csv");
    assert_eq!(ours[0].len(), 3 + 131);
    assert_eq!(ours.len(), 1 + 3 * POLICIES.len() * 2);
    let at = |metric: &str, policy: &str, seed: &str, percent: usize| {
        let row = ours.iter().find(|row| row[..3] == [metric, policy, seed]).unwrap();
        row[3 + percent].clone()
    };
    for policy in POLICIES {
        for (percent, allocated, of_idle, of_all) in
            [(25, "25.00", "26.67", "20.00"), (75, "75.00", "40.00", "10.00"), (100, "100.00", "0.00", "0.00")]
        {
            assert_eq!(at("gpu_alloc_pct", policy, "42", percent), allocated, "{policy}");
            assert_eq!(at("frag_ratio_pct", policy, "42", percent), of_idle, "{policy}");
            assert_eq!(at("gpu_frag_pct_of_capacity", policy, "43", percent), of_all, "{policy}");
        }
        assert_eq!(at("gpu_alloc_pct", policy, "42", 60), "");
    }
    let comparison = table(&folder, "comparison.csv");
    assert_eq!(
        comparison[1][..],
        ["FGD", "42", "gpu_alloc_pct", "4", "25", "25.00", "25", "0.000", "0.01", "reproduced"]
    );
    // Largest at 25 %: 26.67 and 26.667.
    assert_eq!(
        comparison[2][..],
        ["FGD", "42", "frag_ratio_pct", "2", "25", "26.67", "26.667", "0.003", "0.01", "reproduced"]
    );
    for name in ["curves.svg", "reproduce.html"] {
        let text = std::fs::read_to_string(folder.path().join("out").join(name)).unwrap();
        assert!(text.contains("</svg>") && text.contains("GpuClustering") && !text.contains("NaN"), "{name}");
    }
    let page = std::fs::read_to_string(folder.path().join("out/reproduce.html")).unwrap();
    assert!(page.contains("--seeds 42..44") && page.contains("What cannot be reproduced, and why"));
    // The answer stands before the figures.
    assert!(page.find("Reproduced: FGD").unwrap() < page.find("<table").unwrap());
}

#[test]
fn the_same_bytes_come_on_one_thread_and_two() {
    let folder = world("reproduce-threads");
    let (orders, theirs) = (folder.of("orders"), folder.put("published.csv", curves().as_bytes()));
    let files = |threads: &str| {
        reproduce(&folder, 0, &["--orders", &orders, "--expected", &theirs, "--seeds", "42..44", "-j", threads]);
        ["curves.csv", "comparison.csv", "curves.svg", "reproduce.html"]
            .map(|name| std::fs::read(folder.path().join("out").join(name)).unwrap())
    };
    assert!(files("1") == files("2"));
}

#[test]
fn one_changed_cell_differs_and_is_named_after_everything_is_written() {
    let folder = world("reproduce-changed");
    let orders = folder.of("orders");
    let changed = curves().replace("gpu_alloc_pct,DotProd,43,25,75,", "gpu_alloc_pct,DotProd,43,25,74.9,");
    let theirs = folder.put("published.csv", changed.as_bytes());
    let args = ["--orders", &orders, "--expected", &theirs, "--seeds", "42..44"];
    let (out, err) = reproduce(&folder, 1, &args);
    assert!(
        err.contains("error: DotProd differs: seed 43, gpu_alloc_pct at 75 %: ours 75.00, published 74.90, +0.10"),
        "{err}"
    );
    assert!(out.contains("Differs: DotProd.\nReproduced: FGD, GpuClustering, GpuPacking, BestFit."), "{out}");
    let comparison = table(&folder, "comparison.csv");
    let row = comparison.iter().find(|row| row[..3] == ["DotProd", "43", "gpu_alloc_pct"]).unwrap();
    assert_eq!(row[3..], ["4", "75", "75.00", "74.9", "0.100", "0.01", "differs"]);
    // A hundredth is what rounding may do.
    let near = curves().replace("gpu_alloc_pct,DotProd,43,25,75,", "gpu_alloc_pct,DotProd,43,25,74.99,");
    folder.put("published.csv", near.as_bytes());
    reproduce(&folder, 0, &args);
    // Without the policy nothing differs; the rest of the file is counted.
    folder.put("published.csv", changed.as_bytes());
    let (_, err) = reproduce(&folder, 0, &[&args[..], &["--only", "FGD,BestFit"]].concat());
    assert!(err.contains("24 of 36 published curves are of policies or seeds that were not run"), "{err}");
}

#[test]
fn own_seeds_are_held_to_the_published_means() {
    let folder = world("reproduce-own");
    // Such a small world is nothing like the published one.
    let (out, err) = reproduce(&folder, 1, &["--seeds", "1..3", "--only", "BestFit"]);
    assert!(err.contains("error: BestFit differs: mean over seeds, gpu_alloc_pct at "), "{err}");
    assert!(out.contains("93.08") && out.contains("Differs: BestFit."), "{out}");
    // With the orders alone it is the same comparison.
    let orders = folder.of("orders");
    let (out, _) = reproduce(&folder, 1, &["--seeds", "42..43", "--orders", &orders, "--only", "BestFit"]);
    assert!(out.contains("100.00") && out.contains("published orders; means over seeds"), "{out}");
}

#[test]
fn nothing_is_published_of_jobs_without_gpus_and_our_own_curves_can_be_expected_later() {
    let folder = world("reproduce-cpu");
    let (data, out) = (folder.of("data"), folder.of("out"));
    let args = ["reproduce", "fgd-atc23-cpu", "--data", &data, "--seeds", "1..3", "--only", "first-fit,best-fit"];
    let (said, _) = expect(0, &[&args[..], &["-o", &out]].concat());
    assert!(said.contains("Nothing is published to compare with."), "{said}");
    // 26 jobs of 5 % each arrive; 20 fit.
    for row in &table(&folder, "curves.csv")[1..] {
        assert_eq!(row[0], "cpu_alloc_pct");
        assert_eq!([&row[3 + 5], &row[3 + 80], &row[3 + 130]], ["5.00", "80.00", "100.00"]);
    }
    assert_eq!(table(&folder, "comparison.csv").len(), 1);
    let theirs = folder.of("theirs.csv");
    std::fs::copy(folder.path().join("out/curves.csv"), &theirs).unwrap();
    let (said, _) = expect(0, &[&args[..], &["-o", &out, "--expected", &theirs]].concat());
    assert!(said.contains("Agrees: ") && said.contains("standard deviation"), "{said}");
}

#[test]
fn what_is_missing_or_wrong_is_named_with_what_would_do() {
    let folder = world("reproduce-wrong");
    let (orders, theirs) = (folder.of("orders"), folder.put("published.csv", curves().as_bytes()));
    let empty = folder.of("empty");
    std::fs::create_dir(&empty).unwrap();
    for data in [&empty, &folder.of("nowhere")] {
        let (_, err) = expect(3, &["reproduce", "fgd-atc23", "--data", data, "-o", &folder.of("out")]);
        assert!(
            err.contains("openb_node_list_gpu_node.csv") && err.contains("github.com/alibaba/clusterdata"),
            "{err}"
        );
    }
    let (_, err) = reproduce(&folder, 3, &["--orders", &orders, "--expected", &theirs, "--seeds", "42..45"]);
    assert!(err.contains("default_seed44.txt") && err.contains("--seeds"), "{err}");
    let seeds = ["--orders", orders.as_str(), "--seeds", "42..44"];
    let (_, err) = reproduce(&folder, 3, &[&seeds[..], &["--expected", &folder.of("no.csv")]].concat());
    assert!(err.contains("no.csv: cannot be read"), "{err}");
    for (text, wanted) in [
        ("metric,seed\n", "published.csv:1: column 2 is \"seed\" and not policy; metric,policy,seed,0,1,2 and so on"),
        ("metric,policy,seed,7\ngpu_alloc_pct,FGD,42,x\n", "published.csv:2: 7: \"x\" is not a number; percent such"),
        ("metric,policy,seed,7\ngpu_alloc_pct,FDG,42,7\n", "published.csv:2: policy: unknown policy \"FDG\""),
        ("metric,policy,seed,7\ngpu_alloc_pct,FGD,7,7\n", "published.csv: has no value of FGD, Random, DotProd"),
        ("metric,policy,seed,7\ngpu_alloc_pct,FGD,42,\n", "published.csv: has no value of FGD, Random, DotProd"),
    ] {
        folder.put("published.csv", text.as_bytes());
        let (_, err) = reproduce(&folder, 3, &[&seeds[..], &["--expected", &theirs]].concat());
        assert!(err.contains(wanted), "{err}");
    }
    // One seed has no spread.
    folder.put("published.csv", b"metric,policy,seed,100\ngpu_alloc_pct,FGD,7,7\n");
    let (_, err) = reproduce(&folder, 3, &["--seeds", "1..3", "--expected", &theirs]);
    assert!(err.contains("no policy has two seeds in any of the columns 80, 90,"), "{err}");

    let (_, err) = reproduce(&folder, 2, &["--only", "BestFitt"]);
    assert!(err.contains("--only: unknown policy \"BestFitt\"; did you mean \"BestFit\"?"), "{err}");
    reproduce(&folder, 2, &["--seeds", "3..3"]);
    let (_, err) = expect(2, &["reproduce", "fgd", "--data", &folder.of("data")]);
    assert!(err.contains("fgd-atc23"), "{err}");
    assert!(!folder.path().join("out").exists(), "nothing is written where nothing was run");
}

#[test]
fn packed_lists_are_found() {
    let folder = world("reproduce-packed");
    for name in ["openb_node_list_gpu_node.csv", "openb_pod_list_default.csv"] {
        use std::io::Write;
        let plain = folder.path().join("data").join(name);
        let file = std::fs::File::create(folder.path().join("data").join(format!("{name}.gz"))).unwrap();
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::default());
        packed.write_all(&std::fs::read(&plain).unwrap()).unwrap();
        packed.finish().unwrap();
        std::fs::remove_file(plain).unwrap();
    }
    let (orders, theirs) = (folder.of("orders"), folder.put("published.csv", curves().as_bytes()));
    reproduce(&folder, 0, &["--orders", &orders, "--expected", &theirs, "--seeds", "42..43"]);
}
