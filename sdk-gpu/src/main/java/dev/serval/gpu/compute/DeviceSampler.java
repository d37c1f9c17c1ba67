package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.GenerationFailedException;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.Sampling;
import dev.serval.api.compute.Logits;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.TokenSampler;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The sampler of a sequence whose tokens are drawn on the device: says by which rules, and hands
 * out what was drawn. Its random numbers are those of SplitMix64 for the seed, one a token.
 */
final class DeviceSampler implements TokenSampler {
  private static final long TEMPERATURE = Abi.DRAW.offset("temperature");
  private static final long TOP_P = Abi.DRAW.offset("topP");
  private static final long MIN_P = Abi.DRAW.offset("minP");
  private static final long REPETITION = Abi.DRAW.offset("repetition");
  private static final long PRESENCE = Abi.DRAW.offset("presence");
  private static final long FREQUENCY = Abi.DRAW.offset("frequency");
  private static final long STATE = Abi.DRAW.offset("state");
  private static final long DRAWN = Abi.DRAW.offset("drawn");
  private static final long ROW = Abi.DRAW.offset("row");
  private static final long TOP_K = Abi.DRAW.offset("topK");
  private static final long COUNTS = Abi.DRAW.offset("counts");
  private static final long FIRST_BIAS = Abi.DRAW.offset("firstBias");
  private static final long BIAS_COUNT = Abi.DRAW.offset("biasCount");

  private final CudaBackend owner;
  private final Sampling sampling;
  private final int vocabulary;
  private final long state;
  private final boolean penalises;
  private final int prompt;
  private final int[] biasIds;
  private final float[] biases;
  private int[] seen;
  private int seenCount;
  private int table = -1;
  private int place;
  private long step = -1;
  private long drawn;

  DeviceSampler(CudaBackend owner, Sampling sampling, long seed, int[] prompt, int vocabulary) {
    this.owner = owner;
    this.sampling = sampling;
    this.vocabulary = vocabulary;
    state = mix(seed);
    penalises =
        sampling.repetitionPenalty() != 1
            || sampling.presencePenalty() != 0
            || sampling.frequencyPenalty() != 0;
    for (int id : prompt) {
      check("prompt", id, vocabulary);
    }
    boolean looksAtPrompt = sampling.repetitionPenalty() != 1;
    seen = looksAtPrompt ? prompt.clone() : new int[0];
    seenCount = seen.length;
    this.prompt = seen.length;
    biasIds = sampling.logitBias().keySet().stream().mapToInt(Integer::intValue).sorted().toArray();
    biases = new float[biasIds.length];
    for (int i = 0; i < biasIds.length; i++) {
      check("logit_bias", biasIds[i], vocabulary);
      biases[i] = sampling.logitBias().getOrDefault(biasIds[i], 0.0).floatValue();
    }
  }

  private static void check(String parameter, int id, int vocabulary) {
    if (id < 0 || id >= vocabulary) {
      throw new InvalidRequestException(
          parameter,
          "%s names token %d, and the model's tokens are 0 to %d"
              .formatted(parameter, id, vocabulary - 1));
    }
  }

  /** The mixing function of SplitMix64. */
  private static long mix(long value) {
    long z = value;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  CudaBackend owner() {
    return owner;
  }

  int vocabulary() {
    return vocabulary;
  }

  int biases() {
    return biases.length;
  }

  /** Whether it needs a count table. */
  boolean penalises() {
    return penalises;
  }

  /** Its count table, or −1. */
  int table() {
    return table;
  }

  void table(int index) {
    table = index;
  }

  /** The tokens that penalties look at, the prompt's first; as many as {@link #seenCount}. */
  int[] seen() {
    return seen;
  }

  int seenCount() {
    return seenCount;
  }

  /** How many of these are the prompt's. */
  int promptCount() {
    return prompt;
  }

  /** Says how the next token is to be drawn, and remembers where it will be found. */
  void write(MemorySegment to, long at, int row, int firstBias, int draw) {
    place = draw;
    step = owner.stepNumber();
    to.set(JAVA_DOUBLE, at + TEMPERATURE, sampling.temperature());
    to.set(JAVA_DOUBLE, at + TOP_P, sampling.topP());
    to.set(JAVA_DOUBLE, at + MIN_P, sampling.minP());
    to.set(JAVA_DOUBLE, at + REPETITION, sampling.repetitionPenalty());
    to.set(JAVA_DOUBLE, at + PRESENCE, sampling.presencePenalty());
    to.set(JAVA_DOUBLE, at + FREQUENCY, sampling.frequencyPenalty());
    to.set(JAVA_LONG, at + STATE, state);
    to.set(JAVA_LONG, at + DRAWN, drawn);
    to.set(JAVA_INT, at + ROW, row);
    to.set(JAVA_INT, at + TOP_K, sampling.topK());
    to.set(JAVA_INT, at + COUNTS, table);
    to.set(JAVA_INT, at + FIRST_BIAS, firstBias);
    to.set(JAVA_INT, at + BIAS_COUNT, biases.length);
  }

  /** Writes its biases, and says where they end. */
  long writeBiases(MemorySegment to, long at) {
    long end = at;
    for (int i = 0; i < biases.length; i++) {
      to.set(JAVA_INT, end, biasIds[i]);
      to.set(JAVA_FLOAT, end + Integer.BYTES, biases[i]);
      end += Abi.BIAS.size();
    }
    return end;
  }

  @Override
  public void sample(Logits logits, int row, SampledToken out) {
    int id = owner.drawn(logits, this, row, step == owner.stepNumber() ? place : -1);
    step = -1;
    if (id == Abi.NO_TOKEN) {
      throw new GenerationFailedException(
          "the model's scores are unusable: the largest is no finite number");
    }
    drawn++;
    if (penalises) {
      remember(id);
    }
    out.set(id);
  }

  private void remember(int id) {
    if (seenCount == seen.length) {
      seen = Arrays.copyOf(seen, Math.max(64, 2 * seenCount));
    }
    seen[seenCount++] = id;
  }
}
