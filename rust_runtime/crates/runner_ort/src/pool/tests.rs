use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::*;

fn batch(length: i64) -> Shapes {
    vec![vec![length, 3], vec![]]
}

/// A pool of numbered sessions, the maker of which fails from the session of number `until` on; and
/// how often it was asked.
fn pool(most: usize, until: usize) -> (Pool<usize>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let make = Box::new(move || {
        let number = counted.fetch_add(1, Ordering::Relaxed) + 1;
        if number < until { Ok(number) } else { Err(Error::new("out of memory")) }
    });
    (Pool::new(0).growing(More { most, make }), asked)
}

fn used(pool: &mut Pool<usize>, lengths: &[i64]) -> Vec<usize> {
    lengths.iter().map(|&length| *pool.of(&batch(length))).collect()
}

#[test]
fn every_set_of_shapes_has_its_session() {
    let (mut pool, asked) = pool(9, 9);
    assert_eq!(used(&mut pool, &[1, 8, 2, 8, 1, 2, 1]), [0, 1, 2, 1, 0, 2, 0]);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn where_there_are_as_many_as_may_be_the_one_used_least_recently_serves() {
    let (mut pool, asked) = pool(3, 9);
    assert_eq!(used(&mut pool, &[1, 2, 3, 1, 4, 1, 4, 3]), [0, 1, 2, 0, 1, 0, 1, 2]);
    assert_eq!(used(&mut pool, &[2, 1]), [0, 1]);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn one_may_be_all() {
    for mut pool in [pool(1, 9).0, pool(0, 9).0, Pool::new(0)] {
        assert_eq!(used(&mut pool, &[1, 2, 1]), [0, 0, 0]);
        assert!(!pool.shrink());
    }
}

#[test]
fn what_cannot_be_made_is_not_tried_again() {
    let (mut pool, asked) = pool(9, 2);
    assert_eq!(used(&mut pool, &[1, 2, 3, 4, 3, 4]), [0, 1, 0, 1, 0, 1]);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn a_pool_that_shrinks_gives_up_what_failed_and_grows_again_until_it_is_closed() {
    let (mut pool, asked) = pool(3, 9);
    assert_eq!(used(&mut pool, &[1, 2, 3]), [0, 1, 2]);
    assert!(pool.shrink());
    assert_eq!(used(&mut pool, &[3, 2, 4, 2]), [0, 1, 3, 1]);
    assert!(pool.shrink());
    assert_eq!(used(&mut pool, &[2]), [0]);
    assert!(pool.shrink());
    assert_eq!(used(&mut pool, &[2]), [3]);
    assert!(!pool.shrink());
    pool.close();
    assert_eq!(used(&mut pool, &[2, 4, 1]), [3, 3, 3]);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}
