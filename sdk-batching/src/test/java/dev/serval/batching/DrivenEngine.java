package dev.serval.batching;

import dev.serval.api.Sampling;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.ServiceTerms;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.api.cache.KvCache;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.StepLimits;
import dev.serval.api.model.TokenSampler;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.cache.PagedKvCache;
import dev.serval.testkit.models.ForwardingModel;
import dev.serval.testkit.models.RecallModel;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;
import java.util.function.UnaryOperator;

/** An engine without a thread: the test takes its steps, and sees what each of them computed. */
final class DrivenEngine {
  static final int VOCABULARY = 61;

  /** No layer has a window. */
  static final List<AttentionWindow> ALL = List.of(AttentionWindow.NONE);

  /** What of a sequence a step computes. */
  record Run(int from, int count) {}

  final List<List<Run>> steps = new ArrayList<>();
  final KvCache cache;
  final ContinuousBatchingEngine engine;
  private long nanos;
  private int submitted;

  private DrivenEngine(Setup setup) {
    RecallModel model =
        new RecallModel(
            VOCABULARY, setup.blocks, setup.blockTokens, setup.limits.logitRows(), setup.windows);
    PagedKvCache pages =
        new PagedKvCache(
            model.layout(),
            setup.blocks,
            ArtefactDigest.of(new byte[32]),
            model.numerics(),
            true,
            model.swap(setup.slots),
            setup.limits.tokens());
    cache = setup.cacheWrapper.apply(pages);
    engine =
        new ContinuousBatchingEngine(
            new EngineOptions(
                "driven",
                new Observed(model, setup),
                cache,
                setup.limits,
                setup.context,
                new BatchingPolicies(
                    setup.admission, setup.order, setup.chunk, setup.victim, setup.draft),
                setup.listener,
                () -> nanos++,
                Thread::new));
  }

  /** Takes one step, and says whether there was anything to do. */
  boolean step() {
    return engine.loop().work();
  }

  void steps(int count) {
    for (int i = 0; i < count; i++) {
      step();
    }
  }

  void run() {
    while (step()) {}
  }

  List<Run> lastStep() {
    return steps.getLast();
  }

  EngineLoad load() {
    return counts(engine.load());
  }

  /** A load without its queues. */
  static EngineLoad counts(EngineLoad load) {
    return new EngineLoad(load.waiting(), load.running(), load.freeBlocks(), load.totalBlocks());
  }

  EngineSequence submit(int[] prompt, int maxTokens, TokenSink sink) {
    return submit(prompt, maxTokens, 0, sink);
  }

  EngineSequence submit(int[] prompt, int maxTokens, ServiceTerms terms, TokenSink sink) {
    return submit(prompt, maxTokens, 0, terms, sink);
  }

  EngineSequence submit(int[] prompt, int maxTokens, int priority, TokenSink sink) {
    return submit(prompt, maxTokens, priority, ServiceTerms.DEFAULT, sink);
  }

  private EngineSequence submit(
      int[] prompt, int maxTokens, int priority, ServiceTerms terms, TokenSink sink) {
    return engine.submit(
        SequenceRequest.builder("s" + submitted++, prompt, maxTokens)
            .priority(priority)
            .terms(terms)
            .build(),
        sink);
  }

  /** What time it is. */
  long now() {
    return nanos;
  }

  /** Lets time pass without a step. */
  void sleepUntil(long time) {
    nanos = Math.max(nanos, time);
  }

  /** A prompt that shares its beginning with those of the same seed alone. */
  static int[] prompt(int seed, int length) {
    int[] prompt = new int[length];
    for (int i = 0; i < length; i++) {
      prompt[i] = (seed * 17 + i * 7) % VOCABULARY;
    }
    return prompt;
  }

  static int[] expected(int[] prompt, int count) {
    return expected(ALL, prompt, count);
  }

  /** What a model with windows says. */
  static int[] expected(List<AttentionWindow> windows, int[] prompt, int count) {
    return RecallModel.continuation(VOCABULARY, windows, prompt, count);
  }

  /** What a driven engine is made of, with defaults that hold everybody up by nothing. */
  static final class Setup {
    private int blocks = 100;
    private int blockTokens = 4;
    private List<AttentionWindow> windows = ALL;
    private int slots;
    private int context = 64;
    private StepLimits limits = new StepLimits(16, 8);
    private AdmissionPolicy admission = AdmissionPolicies.maxWaiting(1000);
    private OrderPolicy order = OrderPolicies.firstComeFirstServed();
    private ChunkPolicy chunk = ChunkPolicies.fixedBudget(1000);
    private VictimPolicy victim = VictimPolicies.lastIn();
    private DraftPolicy draft = DraftPolicy.NONE;
    private boolean takesBack = true;
    private EngineListener listener = EngineListener.NONE;
    private Consumer<StepBatch> beforeStep = batch -> {};
    private Runnable beforeSampler = () -> {};
    private ToLongFunction<StepBatch> cost = batch -> 0;
    private UnaryOperator<KvCache> cacheWrapper = pages -> pages;

    Setup blocks(int count, int tokens) {
      blocks = count;
      blockTokens = tokens;
      return this;
    }

    /** Has a layer for each of these, all different. */
    Setup windows(List<AttentionWindow> ofLayers) {
      windows = ofLayers;
      return this;
    }

    Setup swap(int blocksBeside) {
      slots = blocksBeside;
      return this;
    }

    Setup context(int tokens) {
      context = tokens;
      return this;
    }

    Setup limits(int tokens, int sequences) {
      limits = new StepLimits(tokens, sequences);
      return this;
    }

    Setup admission(AdmissionPolicy policy) {
      admission = policy;
      return this;
    }

    Setup order(OrderPolicy policy) {
      order = policy;
      return this;
    }

    Setup chunk(ChunkPolicy policy) {
      chunk = policy;
      return this;
    }

    Setup victim(VictimPolicy policy) {
      victim = policy;
      return this;
    }

    /** Drafts up to so many tokens a step. */
    Setup draft(int tokens, DraftPolicy policy) {
      limits = new StepLimits(limits.tokens(), limits.sequences(), tokens);
      draft = policy;
      return this;
    }

    /** Has a model that cannot take back what it has computed. */
    Setup forgetful() {
      takesBack = false;
      return this;
    }

    Setup listener(EngineListener hearer) {
      listener = hearer;
      return this;
    }

    Setup beforeStep(Consumer<StepBatch> action) {
      beforeStep = action;
      return this;
    }

    Setup beforeSampler(Runnable action) {
      beforeSampler = action;
      return this;
    }

    /** Lets the clock run on by what a step takes, in nanoseconds. */
    Setup cost(ToLongFunction<StepBatch> nanosOfStep) {
      cost = nanosOfStep;
      return this;
    }

    Setup cache(UnaryOperator<KvCache> wrapper) {
      cacheWrapper = wrapper;
      return this;
    }

    DrivenEngine engine() {
      return new DrivenEngine(this);
    }
  }

  private final class Observed extends ForwardingModel {
    private final Setup setup;

    Observed(ModelExecutor model, Setup setup) {
      super(model);
      this.setup = setup;
    }

    @Override
    public TokenSampler sampler(Sampling sampling, long seed, int[] prompt, int alternatives) {
      setup.beforeSampler.run();
      return super.sampler(sampling, seed, prompt, alternatives);
    }

    @Override
    public boolean verifiesDrafts() {
      return setup.takesBack && super.verifiesDrafts();
    }

    @Override
    public Logits execute(StepBatch batch) {
      List<Run> runs = new ArrayList<>();
      for (int i = 0; i < batch.sequences(); i++) {
        int first = batch.firstRow(i);
        runs.add(new Run(batch.position(first), batch.firstRow(i + 1) - first));
      }
      steps.add(runs);
      setup.beforeStep.accept(batch);
      nanos += setup.cost.applyAsLong(batch);
      return super.execute(batch);
    }
  }
}
