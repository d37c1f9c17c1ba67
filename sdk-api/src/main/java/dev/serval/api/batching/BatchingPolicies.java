package dev.serval.api.batching;

/**
 * The five decisions of an engine. What an admission policy throws goes to the caller whose
 * sequence it was asked about. Another that throws, or picks a victim that does not run, fails all
 * sequences that the engine has; those that come after are served.
 *
 * @param admission who may wait
 * @param order who begins next
 * @param chunk how much prefill a step does
 * @param victim who gives way
 * @param draft which tokens are guessed and verified beside those that decode
 */
public record BatchingPolicies(
    AdmissionPolicy admission,
    OrderPolicy order,
    ChunkPolicy chunk,
    VictimPolicy victim,
    DraftPolicy draft) {
  /**
   * Policies that draft nothing.
   *
   * @param admission who may wait
   * @param order who begins next
   * @param chunk how much prefill a step does
   * @param victim who gives way
   */
  public BatchingPolicies(
      AdmissionPolicy admission, OrderPolicy order, ChunkPolicy chunk, VictimPolicy victim) {
    this(admission, order, chunk, victim, DraftPolicy.NONE);
  }
}
