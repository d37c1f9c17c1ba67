package dev.serval.api.batching;

import java.util.List;

/**
 * What an engine is doing at a moment.
 *
 * @param waiting sequences that hold no KV and wait for their turn
 * @param running sequences that hold KV
 * @param freeBlocks KV blocks that no sequence holds
 * @param totalBlocks all KV blocks
 * @param queues what waits and is being prefilled, by the rank of its class; one for each rank, or
 *     none at all where nothing is known of them
 * @param prefillTokensPerSecond how fast prompts have lately been worked off while some waited, all
 *     steps' decodes included; 0 while that is not known
 */
public record EngineLoad(
    int waiting,
    int running,
    int freeBlocks,
    int totalBlocks,
    List<Queue> queues,
    double prefillTokensPerSecond) {
  /**
   * The unfinished prefill of one rank.
   *
   * @param sequences how many sequences wait
   * @param tokens the tokens that wait: of prompts, and of what those who gave way have to compute
   *     again
   * @param begunTokens the tokens of sequences that run and have not come to their first token or,
   *     having given way, to their next
   */
  public record Queue(int sequences, long tokens, long begunTokens) {
    /** Nothing. */
    public static final Queue EMPTY = new Queue(0, 0, 0);
  }

  /** Copies the queues. */
  public EngineLoad {
    queues = List.copyOf(queues);
  }

  /**
   * A load of whose queues nothing is known.
   *
   * @param waiting sequences that wait
   * @param running sequences that hold KV
   * @param freeBlocks KV blocks that no sequence holds
   * @param totalBlocks all KV blocks
   */
  public EngineLoad(int waiting, int running, int freeBlocks, int totalBlocks) {
    this(waiting, running, freeBlocks, totalBlocks, List.of(), 0);
  }

  /**
   * The tokens that wait.
   *
   * @return the sum over all ranks
   */
  public long waitingTokens() {
    return queues.stream().mapToLong(Queue::tokens).sum();
  }

  /**
   * The tokens that are computed before those of a newcomer.
   *
   * @param rank the newcomer's rank
   * @return all that waits or has begun of that rank and those above it
   */
  public long tokensAhead(int rank) {
    long ahead = 0;
    for (int i = 0; i <= rank && i < queues.size(); i++) {
      ahead += queues.get(i).tokens() + queues.get(i).begunTokens();
    }
    return ahead;
  }

  /**
   * The time to a newcomer's first token, if all goes on as it has.
   *
   * @param promptTokens the tokens of its prompt
   * @param rank its rank
   * @return nanoseconds; 0 where nothing is ahead of it, and while it is not known how fast prompts
   *     are worked off
   */
  public long predictedTtftNanos(long promptTokens, int rank) {
    long ahead = tokensAhead(rank);
    return prefillTokensPerSecond <= 0 || ahead == 0
        ? 0
        : (long) ((ahead + promptTokens) / prefillTokensPerSecond * 1e9);
  }
}
