package dev.serval.api.batching;

/**
 * The four decisions of an engine.
 *
 * @param admission who may wait
 * @param order who begins next
 * @param chunk how much prefill a step does
 * @param victim who gives way
 */
public record BatchingPolicies(
    AdmissionPolicy admission, OrderPolicy order, ChunkPolicy chunk, VictimPolicy victim) {}
