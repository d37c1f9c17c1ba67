package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.IsolationScope;
import dev.serval.api.Quota;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.ServiceTerms;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.cache.PagedKvCache;
import dev.serval.testkit.CollectingSink;
import dev.serval.testkit.models.ForwardingModel;
import dev.serval.testkit.models.RecallModel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestReporter;

/**
 * Engines of random make under random callers, on one thread, against a model that knows what each
 * request must hear: classes, tenants with quotas, deadlines, slow readers, cancellations, a
 * failing executor, and blocks for few. The executor reads every token back from its KV blocks, so
 * one block in wrong hands shows in the text. A seed tells the whole story.
 */
final class SteppedEngineModelTest {
  private static final int VOCABULARY = 61;
  private static final List<ServiceLevel> LEVELS =
      List.of(
          new ServiceLevel("top", 0, Duration.ofMillis(1), Duration.ofNanos(50_000)),
          ServiceLevel.INTERACTIVE,
          ServiceLevel.BATCH);

  private final RuntimeException injected = new IllegalStateException("injected");
  private final List<Request> open = new ArrayList<>();
  private final List<Request> ended = new ArrayList<>();
  private List<Tenant> tenants = List.of();
  private Random random = new Random();
  private SteppedEngine engine;
  private PagedKvCache cache;
  private List<AttentionWindow> windows = List.of();
  private int context;
  private int admitted;
  private long nanos;
  private boolean hostile;
  private boolean stepFailed;

  @RepeatedTest(20)
  void a_hundred_thousand_operations_lose_nothing(
      RepetitionInfo repetition, TestReporter reporter) {
    operate(5_000, repetition, reporter);
  }

  @Tag("slow")
  @RepeatedTest(100)
  void a_million_operations_lose_nothing(RepetitionInfo repetition, TestReporter reporter) {
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
        assertThat(engine.load().waiting() + engine.load().running()).isEqualTo(open.size());
      }
      finish();
    } catch (RuntimeException | Error e) {
      throw new AssertionError("seed " + seed + ", operation " + operation, e);
    }
  }

  private void build() {
    int blockTokens = random.nextInt(1, 7);
    int blocks = random.nextInt(6, 46);
    int sequences = random.nextInt(1, 9);
    StepLimits limits = new StepLimits(sequences + random.nextInt(40), sequences);
    windows = anyWindows();
    RecallModel model = new RecallModel(VOCABULARY, blocks, blockTokens, sequences, windows);
    cache =
        new PagedKvCache(
            model.layout(),
            blocks,
            ArtefactDigest.of(new byte[32]),
            model.numerics(),
            true,
            model.swap(Math.max(0, random.nextInt(-10, 40))),
            limits.tokens());
    context = cache.demand().longest(blocks, random.nextInt(8, 108));
    hostile = random.nextBoolean();
    tenants =
        List.of(
            Tenant.HOST,
            Tenant.of("anna").withWeight(random.nextDouble(0.1, 10)),
            Tenant.of("bert").withQuota(Quota.ofRequests(random.nextInt(1, 5))),
            Tenant.of("cora").withQuota(new Quota(9, random.nextInt(50, 500))));
    engine =
        SteppedEngine.of(
            new EngineOptions(
                "modelled",
                new Moody(model),
                cache,
                limits,
                context,
                new BatchingPolicies(
                    AdmissionPolicies.maxWaiting(random.nextInt(1, 31)),
                    anyOrder(),
                    anyChunk(),
                    anyVictim()),
                EngineListener.NONE,
                () -> nanos,
                Thread.ofPlatform()::unstarted));
  }

  private List<AttentionWindow> anyWindows() {
    AttentionWindow sliding = new AttentionWindow.Sliding(random.nextInt(1, 20));
    return switch (random.nextInt(5)) {
      case 0 -> List.of(sliding);
      case 1 -> List.of(sliding, AttentionWindow.NONE);
      case 2 ->
          List.of(AttentionWindow.NONE, new AttentionWindow.Chunk(random.nextInt(1, 20)), sliding);
      default -> List.of(AttentionWindow.NONE);
    };
  }

  private OrderPolicy anyOrder() {
    return switch (random.nextInt(4)) {
      case 0 -> OrderPolicies.firstComeFirstServed();
      case 1 -> OrderPolicies.priority();
      case 2 ->
          (left, right, snapshot) -> Double.compare(left.tenantService(), right.tenantService());
      default -> (left, right, snapshot) -> Long.compare(right.arrival(), left.arrival());
    };
  }

  private ChunkPolicy anyChunk() {
    return switch (random.nextInt(3)) {
      case 0 -> ChunkPolicies.fixedBudget(random.nextInt(1, 21));
      case 1 -> (sequence, plan, snapshot) -> random.nextInt(-2, 10);
      default -> (sequence, plan, snapshot) -> Integer.MAX_VALUE;
    };
  }

  private VictimPolicy anyVictim() {
    return switch (random.nextInt(5)) {
      case 0 -> VictimPolicies.lastIn();
      case 1 -> VictimPolicies.leastCost();
      case 2 -> new MoodyVictims();
      case 3 -> (needy, snapshot) -> random.nextInt(snapshot.running());
      default -> (needy, snapshot) -> 0;
    };
  }

  /** Lets those begin that it likes at the moment. */
  private final class MoodyVictims implements VictimPolicy {
    @Override
    public int victim(SequenceView needy, EngineSnapshot snapshot) {
      return random.nextInt(snapshot.running());
    }

    @Override
    public boolean mayBegin(SequenceView next, EngineSnapshot snapshot) {
      return random.nextInt(4) == 0 && snapshot.foreseenBlocks(next) > 0;
    }
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
      cache.clear();
    } else if (dice < 430) {
      nanos += random.nextInt(10_000_000);
    } else {
      step();
    }
  }

  private Request anyOf(List<Request> requests) {
    return requests.get(random.nextInt(requests.size()));
  }

  private void submit() {
    int length = random.nextInt(1, Math.min(context, 41));
    int[] prompt = random.ints(length, 0, 3).toArray();
    Arrays.fill(prompt, 0, Math.min(length, random.nextInt(20)), 5);
    Request request = new Request(prompt, random.nextInt(1, 41));
    try {
      request.handle = engine.submit(request.sequence(), request);
      open.add(request);
      admitted++;
    } catch (RequestRejectedException e) {
      assertThat(e.reason()).isNotEqualTo(RequestRejectedException.Reason.CLOSING);
      assertThat(e.reason() == RequestRejectedException.Reason.OVERLOADED)
          .isEqualTo(e.getMessage().contains("requests wait already"));
      assertThat(request.hasEnded()).isFalse();
    }
  }

  private void step() {
    stepFailed = false;
    engine.step();
    open.removeIf(Request::isOver);
    assertThat(admitted).isEqualTo(open.size() + ended.size());
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
    assertThat(cache.freeBlocks()).isEqualTo(cache.totalBlocks());
    assertThat(ended).allSatisfy(request -> assertThat(request.breach()).isEmpty());
    engine.close();
  }

  /** What a request may hear, and what it has heard. */
  private final class Request extends CollectingSink {
    final SequenceRequest sequence;
    final long submittedNanos = nanos;
    EngineSequence handle;
    boolean cancelled;
    private boolean stopped;
    private boolean threw;
    private boolean failed;

    Request(int[] prompt, int maxTokens) {
      sequence =
          SequenceRequest.builder("r" + admitted, prompt, maxTokens)
              .priority(random.nextInt(3))
              .scope(random.nextBoolean() ? IsolationScope.HOST : IsolationScope.of("anna"))
              .terms(
                  new ServiceTerms(
                      LEVELS.get(random.nextInt(LEVELS.size())),
                      tenants.get(random.nextInt(tenants.size())),
                      random.nextInt(10) == 0
                          ? Duration.ofNanos(random.nextInt(1, 30_000_000))
                          : null))
              .explained(random.nextBoolean())
              .build();
    }

    SequenceRequest sequence() {
      return sequence;
    }

    @Override
    protected Verdict verdict(SampledToken token) {
      int dice = random.nextInt(400);
      if (dice < 40) {
        return Verdict.PAUSE;
      }
      stopped = dice == 40;
      threw = dice == 41;
      if (threw) {
        throw injected;
      }
      if (dice == 42) {
        cancelled = true;
        handle.cancel();
      }
      return stopped ? Verdict.STOP : Verdict.CONTINUE;
    }

    @Override
    protected void afterEnd(SequenceOutcome end) {
      failed = stepFailed;
    }

    /** Whether it has ended, and then rightly. */
    boolean isOver() {
      if (!hasEnded()) {
        return false;
      }
      ended.add(this);
      check(awaitEnd());
      return true;
    }

    private void check(SequenceOutcome outcome) {
      int count = tokens().length;
      int[] prompt = sequence.prompt();
      assertThat(breach()).isEmpty();
      assertThat(tokens()).isEqualTo(RecallModel.continuation(VOCABULARY, windows, prompt, count));
      assertThat(outcome.generatedTokens()).isEqualTo(count);
      assertThat(outcome.promptTokens()).isEqualTo(prompt.length);
      checkReason(outcome, Math.min(sequence.maxTokens(), context - prompt.length));
      assertThat(outcome.timeline() != null).isEqualTo(sequence.explained());
      if (sequence.explained()) {
        assertThat(Objects.requireNonNull(outcome.timeline()).total().toNanos())
            .isEqualTo(outcome.endedNanos() - outcome.submittedNanos());
      }
    }

    private void checkReason(SequenceOutcome outcome, int most) {
      if (outcome.failure() != null) {
        assertThat(outcome.failure()).isSameAs(injected);
        assertThat(threw || failed).isTrue();
        return;
      }
      switch (outcome.reason()) {
        case CANCELLED -> assertThat(cancelled).isTrue();
        case STOP -> assertThat(stopped).isTrue();
        case LENGTH -> assertThat(outcome.generatedTokens()).isEqualTo(most);
        case DEADLINE ->
            assertThat(outcome.endedNanos() - submittedNanos)
                .isGreaterThanOrEqualTo(sequence.terms().deadlineNanos());
      }
    }
  }

  /** A model that fails now and then, and whose steps take time. */
  private final class Moody extends ForwardingModel {
    Moody(ModelExecutor model) {
      super(model);
    }

    @Override
    public Logits execute(StepBatch batch) {
      nanos += 1000L * batch.rows();
      if (hostile && random.nextInt(100) == 0) {
        stepFailed = true;
        throw injected;
      }
      return super.execute(batch);
    }
  }
}
