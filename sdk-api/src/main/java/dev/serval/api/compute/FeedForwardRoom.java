package dev.serval.api.compute;

/**
 * What {@link ComputeBackend#feedForward} has between its maps, undefined outside of it. Layers of
 * the same sizes may share it.
 *
 * @param gates gates and ups
 * @param gated their products
 */
public record FeedForwardRoom(Activations gates, Activations gated) {}
