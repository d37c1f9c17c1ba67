package dev.serval.runtime.generation;

import dev.serval.api.Timeline;
import dev.serval.api.Timeline.Cause;
import dev.serval.api.batching.SequenceOutcome;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Where the time went that a caller waits for a result: what the engine knows of each choice, what
 * came before it since the submission, and what came after it until now.
 *
 * @param clock nanoseconds, as the engine reads them
 * @param submittedNanos when the request was submitted
 */
record CallerTimelines(LongSupplier clock, long submittedNanos) {
  /** The timelines of choices that have all ended. */
  List<Timeline> of(List<SequenceOutcome> choices) {
    long handedOver = choices.getFirst().submittedNanos();
    long ended = choices.stream().mapToLong(SequenceOutcome::endedNanos).max().orElseThrow();
    List<SpanChain> chains =
        choices.stream().map(choice -> untilEnd(choice, handedOver, ended)).toList();
    long now = clock.getAsLong();
    chains.forEach(chain -> chain.until(now, Cause.DELIVERY));
    return chains.stream().map(SpanChain::timeline).toList();
  }

  private SpanChain untilEnd(SequenceOutcome choice, long handedOver, long ended) {
    SpanChain chain = new SpanChain(submittedNanos);
    chain.until(handedOver, Cause.SUBMISSION);
    chain.until(choice.submittedNanos(), Cause.SHARED_PROMPT);
    inEngine(choice, chain);
    chain.until(ended, Cause.OTHER_CHOICES);
    return chain;
  }

  /** Only the engine it ended in has a timeline; one that it had to leave took what came before. */
  private static void inEngine(SequenceOutcome choice, SpanChain chain) {
    Timeline timeline = choice.timeline();
    if (timeline == null) {
      chain.until(choice.endedNanos(), Cause.RELOCATION);
    } else {
      chain.until(choice.endedNanos() - timeline.total().toNanos(), Cause.RELOCATION);
      chain.then(timeline);
    }
  }
}
