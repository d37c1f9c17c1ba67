package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.expected;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.FinishReason;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.api.model.SampledToken;
import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.testkit.CollectingSink;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestReporter;

/**
 * Engines of random make, driven at random on one thread, so that a seed tells the whole story: no
 * token is wrong, lost or repeated, no block leaks, and every sequence ends once.
 */
final class EngineRandomTest {
  private final RuntimeException injected = new IllegalStateException("injected");

  private final List<Request> open = new ArrayList<>();
  private final List<Request> ended = new ArrayList<>();
  private Random random = new Random();
  private DrivenEngine engine;
  private int context;
  private boolean hostile;
  private int submitted;
  private boolean executorFailed;

  @RepeatedTest(20)
  void nothing_is_lost_in_a_hundred_thousand_operations(
      RepetitionInfo repetition, TestReporter reporter) {
    operate(5_000, repetition, reporter);
  }

  @Tag("slow")
  @RepeatedTest(100)
  void nothing_is_lost_in_a_million_operations(RepetitionInfo repetition, TestReporter reporter) {
    operate(10_000, repetition, reporter);
  }

  private void operate(int operations, RepetitionInfo repetition, TestReporter reporter) {
    long seed = Long.getLong("serval.seed", System.nanoTime() + repetition.getCurrentRepetition());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    random = new Random(seed);
    int operation = 0;
    try {
      build();
      for (; operation < operations; operation++) {
        operate();
        check();
      }
      finish();
    } catch (RuntimeException | Error e) {
      throw new AssertionError("seed " + seed + ", operation " + operation, e);
    }
  }

  private void build() {
    int blockTokens = 1 + random.nextInt(6);
    int blocks = 6 + random.nextInt(40);
    int sequences = 1 + random.nextInt(8);
    context = 8 + random.nextInt(100);
    hostile = random.nextBoolean();
    engine =
        new Setup()
            .blocks(blocks, blockTokens)
            .limits(sequences + random.nextInt(40), sequences)
            .context(context)
            .admission(AdmissionPolicies.maxWaiting(1 + random.nextInt(30)))
            .order(anyOrder())
            .chunk(anyChunk())
            .victim(anyVictim())
            .beforeStep(batch -> {
              if (hostile && random.nextInt(100) == 0) {
                executorFailed = true;
                throw injected;
              }
            })
            .engine();
    context = engine.engine.maxSequenceTokens();
  }

  private OrderPolicy anyOrder() {
    return switch (random.nextInt(3)) {
      case 0 -> OrderPolicies.firstComeFirstServed();
      case 1 -> OrderPolicies.priority();
      default -> (left, right, now) -> Long.compare(right.arrival(), left.arrival());
    };
  }

  private ChunkPolicy anyChunk() {
    return switch (random.nextInt(3)) {
      case 0 -> ChunkPolicies.fixedBudget(1 + random.nextInt(20));
      case 1 -> (sequence, planned, snapshot) -> random.nextInt(-2, 10);
      default -> (sequence, planned, snapshot) -> Integer.MAX_VALUE;
    };
  }

  private VictimPolicy anyVictim() {
    return switch (random.nextInt(3)) {
      case 0 -> VictimPolicies.lastIn();
      case 1 -> (needy, snapshot) -> random.nextInt(snapshot.running());
      default -> (needy, snapshot) -> 0;
    };
  }

  private void operate() {
    int dice = random.nextInt(1000);
    if (dice < 250) {
      submit();
    } else if (dice < 300 && !open.isEmpty()) {
      Request request = anyOf(open);
      request.cancelled = true;
      request.handle.cancel();
    } else if (dice < 400 && !open.isEmpty()) {
      anyOf(open).handle.resume();
    } else if (dice < 410 && !ended.isEmpty()) {
      Request request = anyOf(ended);
      request.handle.cancel();
      request.handle.resume();
    } else if (dice == 410) {
      engine.cache.clear();
    } else {
      step();
    }
  }

  private <T> T anyOf(List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  private void submit() {
    int length = 1 + random.nextInt(Math.max(1, Math.min(context - 1, 40)));
    if (length >= context) {
      return;
    }
    int[] prompt = random.ints(length, 0, 3).toArray();
    Arrays.fill(prompt, 0, Math.min(length, random.nextInt(20)), 5);
    Request request = new Request(prompt, 1 + random.nextInt(40));
    try {
      request.handle = engine.submit(prompt, request.maxTokens, random.nextInt(3), request);
      open.add(request);
      submitted++;
    } catch (RequestRejectedException e) {
      assertThat(e).hasMessageContaining("requests wait already");
    }
  }

  private void step() {
    executorFailed = false;
    engine.step();
    for (Request request : List.copyOf(open)) {
      if (request.hasEnded()) {
        open.remove(request);
        ended.add(request);
        request.check();
      }
    }
  }

  private void check() {
    assertThat(engine.load().waiting() + engine.load().running()).isEqualTo(open.size());
    assertThat(submitted).isEqualTo(open.size() + ended.size());
  }

  private void finish() {
    hostile = false;
    int idle = 0;
    while (!open.isEmpty()) {
      open.forEach(request -> request.handle.resume());
      int before = open.size();
      step();
      idle = before == open.size() ? idle + 1 : 0;
      assertThat(idle).as("steps in which nobody ended").isLessThan(20_000);
    }
    step();
    assertThat(engine.load().freeBlocks()).isEqualTo(engine.load().totalBlocks());
    assertThat(engine.cache.freeBlocks()).isEqualTo(engine.cache.totalBlocks());
    assertThat(ended).allSatisfy(request -> assertThat(request.breach()).isEmpty());
  }

  /** A sequence whose reader is moody. */
  private final class Request extends CollectingSink {
    final int[] prompt;
    final int maxTokens;
    EngineSequence handle;
    boolean cancelled;
    private boolean stopped;
    private boolean threw;
    private boolean stepFailed;

    Request(int[] prompt, int maxTokens) {
      this.prompt = prompt;
      this.maxTokens = maxTokens;
    }

    @Override
    protected Verdict verdict(SampledToken token) {
      int dice = random.nextInt(400);
      if (dice < 40) {
        return Verdict.PAUSE;
      }
      if (dice == 40) {
        stopped = true;
        return Verdict.STOP;
      }
      if (dice == 41) {
        threw = true;
        throw injected;
      }
      if (dice == 42) {
        cancelled = true;
        handle.cancel();
      }
      return Verdict.CONTINUE;
    }

    @Override
    protected void afterEnd(SequenceOutcome end) {
      stepFailed = executorFailed;
    }

    void check() {
      SequenceOutcome outcome = awaitEnd();
      int count = tokens().length;
      assertThat(tokens()).isEqualTo(expected(prompt, count));
      assertThat(outcome.generatedTokens()).isEqualTo(count);
      assertThat(outcome.promptTokens()).isEqualTo(prompt.length);
      if (outcome.failure() != null) {
        assertThat(outcome.failure()).isSameAs(injected);
        assertThat(threw || stepFailed).isTrue();
      } else if (outcome.reason() == FinishReason.CANCELLED) {
        assertThat(cancelled).isTrue();
      } else if (outcome.reason() == FinishReason.STOP) {
        assertThat(stopped).isTrue();
      } else {
        assertThat(count).isEqualTo(Math.min(maxTokens, context - prompt.length));
      }
    }
  }
}
