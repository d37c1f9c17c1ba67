package dev.serval.simulator;

import dev.serval.api.Bytes;
import dev.serval.api.Sampling;
import dev.serval.api.cache.KvShape;
import dev.serval.api.cache.StateShape;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.TokenSampler;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.random.RandomGenerator;

/**
 * A model that takes its time and computes nothing. A sampler's seed is the number of its request,
 * and its tokens are no other request's.
 */
final class CostedModel implements ModelExecutor {
  private final MachineCosts costs;
  private final double jitter;
  private final RandomGenerator random;
  private final VirtualClock clock;
  private final LongConsumer passTime;
  private final StepLog log;
  private final Unread logits = new Unread();
  private long steps;
  private long tokens;

  /** Takes time by calling {@code passTime} with the moment at which a step is done. */
  CostedModel(
      MachineCosts costs,
      double jitter,
      RandomGenerator random,
      VirtualClock clock,
      LongConsumer passTime,
      StepLog log) {
    this.costs = costs;
    this.jitter = jitter;
    this.random = random;
    this.clock = clock;
    this.passTime = passTime;
    this.log = log;
  }

  long steps() {
    return steps;
  }

  long tokens() {
    return tokens;
  }

  @Override
  public ModelSpec spec() {
    return new ModelSpec(
        "simulated",
        TracePrompts.VOCABULARY,
        Integer.MAX_VALUE,
        1,
        0,
        List.of(new KvShape(1, 1)),
        StateShape.NONE,
        1,
        1,
        0,
        Bytes.ZERO);
  }

  @Override
  public NumericsId numerics() {
    return new NumericsId("simulated-1");
  }

  @Override
  public boolean verifiesDrafts() {
    return false;
  }

  @Override
  public Logits execute(StepBatch batch) {
    long begin = clock.nanos();
    long nanos = Math.max(1, Math.round(costs.nanos(batch) * noise()));
    log.step(begin, nanos, batch);
    steps++;
    tokens += batch.rows();
    passTime.accept(begin + nanos);
    logits.rows = batch.logitRows();
    return logits;
  }

  private double noise() {
    return jitter == 0 ? 1 : Math.exp(jitter * random.nextGaussian());
  }

  @Override
  public TokenSampler sampler(Sampling sampling, long seed, int[] prompt, int alternatives) {
    return new Counter((int) seed);
  }

  private static final class Counter implements TokenSampler {
    private final int request;
    private int position;

    Counter(int request) {
      this.request = request;
    }

    @Override
    public void sample(Logits unread, int row, dev.serval.api.model.SampledToken out) {
      out.set(TracePrompts.generated(request, position++));
    }
  }

  /** Logits that only their number is known of. */
  private static final class Unread implements Logits {
    private int rows;

    @Override
    public int rows() {
      return rows;
    }

    @Override
    public int vocabulary() {
      return TracePrompts.VOCABULARY;
    }

    @Override
    public MemorySegment row(int row) {
      throw new UnsupportedOperationException("a simulated step computes no logits");
    }
  }
}
