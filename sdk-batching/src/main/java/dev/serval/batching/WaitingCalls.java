package dev.serval.batching;

import dev.serval.api.batching.TensorBatching;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Consumer;

/** The calls that wait for a batch, the most urgent first. Belongs to the batcher's thread. */
final class WaitingCalls<I, O> {
  private final TensorBatching options;
  private final TreeSet<TensorCall<I, O>> calls = new TreeSet<>(TensorCall.URGENCY);

  WaitingCalls(TensorBatching options) {
    this.options = options;
  }

  void add(TensorCall<I, O> call) {
    calls.add(call);
  }

  /** Takes out what is done, which is cancelled, and what is late. */
  void expire(long nowNanos, Consumer<TensorCall<I, O>> whenLate) {
    calls.removeIf(call -> {
      boolean late = !call.result.isDone() && call.left(nowNanos) < 0;
      if (late) {
        whenLate.accept(call);
      }
      return late || call.result.isDone();
    });
  }

  /** The most urgent call and those that may go with it, most urgent first; empty if none waits. */
  List<TensorCall<I, O>> next() {
    List<TensorCall<I, O>> group = new ArrayList<>();
    int least = Integer.MAX_VALUE;
    int most = 0;
    for (TensorCall<I, O> call : calls) {
      int shortest = Math.min(least, call.length);
      int longest = Math.max(most, call.length);
      if (group.isEmpty() || fit(group.size() + 1, shortest, longest)) {
        group.add(call);
        least = shortest;
        most = longest;
      }
      if (group.size() == options.maxBatch()) {
        break;
      }
    }
    return group;
  }

  private boolean fit(int size, int shortest, int longest) {
    return shortest >= (1 - options.maxPadding()) * longest
        && (long) size * longest <= options.maxBatchLength();
  }

  /** Takes out as many of a group as make a size that the model likes. */
  List<TensorCall<I, O>> take(List<TensorCall<I, O>> group) {
    List<TensorCall<I, O>> taken = group.subList(0, preferred(group.size()));
    taken.forEach(calls::remove);
    return taken;
  }

  private int preferred(int available) {
    return options.preferredSizes().stream()
        .filter(size -> size <= available)
        .reduce((smaller, larger) -> larger)
        .orElse(available);
  }

  void takeAll(Consumer<TensorCall<I, O>> each) {
    calls.forEach(each);
    calls.clear();
  }
}
