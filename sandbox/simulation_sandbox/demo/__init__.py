"""`make demo`: the whole product once, watched from the outside, with a proof at the end that doesn't take the product's word for it."""
