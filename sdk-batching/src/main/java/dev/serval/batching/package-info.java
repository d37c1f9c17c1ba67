/** Continuous batching: the engine's step loop, and the stock policies it is driven by. */
package dev.serval.batching;
