package dev.serval.api.compute;

/**
 * What {@link ComputeBackend#feedForward} has between its maps, undefined outside of it. Layers of
 * the same sizes may share it.
 *
 * @param gates gates and ups, or ups alone
 * @param gated what the activation function makes of them
 */
public record FeedForwardRoom(Activations gates, Activations gated) {}
