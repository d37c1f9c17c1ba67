package dev.serval.models.cpu.recurrent;

import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A short causal convolution of each channel over a step's rows. Its parts are stretches of
 * channels of a sequence, whose rows are gone through one after the other, so that chunks of any
 * size give the same bits.
 */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class ConvolutionWork implements WorkCrew.Work {
  /** Multiplications that an element's activation counts as. */
  private static final int ACTIVATION = 16;

  private final RecurrentKernel kernel;
  private final float[][] histories;
  private CarriedStates states;
  private CpuActivations in;
  private int inColumn;
  private MemorySegment weights;
  private @Nullable MemorySegment bias;
  private int taps;
  private boolean activates;
  private Stretches stretches;
  private CpuActivations out;

  ConvolutionWork(RecurrentKernel kernel, int workers) {
    this.kernel = kernel;
    histories = new float[workers][0];
  }

  /** Into which stretches channels are cut, and what becomes of a row of one. */
  interface Stretches {
    /** How many there are; one more would begin where the channels end. */
    int count();

    /** The first channel of one. */
    int first(int stretch);

    /** A row of it is convolved. */
    default void convolved(int row, int stretch, int worker) {}
  }

  /** What is convolved, from which column on, and where to. */
  ConvolutionWork of(
      CarriedStates carried, CpuActivations input, int column, Stretches cut, CpuActivations to) {
    states = carried;
    in = input;
    inColumn = column;
    stretches = cut;
    out = to;
    return this;
  }

  /** By what it is multiplied, and whether x · σ(x) is taken of the sums. */
  ConvolutionWork by(
      MemorySegment kernels, @Nullable MemorySegment added, int length, boolean activating) {
    weights = kernels;
    bias = added;
    taps = length;
    activates = activating;
    return this;
  }

  @Override
  public int parts() {
    return states.batch().sequences() * stretches.count();
  }

  @Override
  public long operations() {
    return (long) states.batch().rows() * channels() * (taps + ACTIVATION);
  }

  @Override
  public void part(int part, int worker) {
    int sequence = part / stretches.count();
    int stretch = part % stretches.count();
    int channel = stretches.first(stretch);
    int count = stretches.first(stretch + 1) - channel;
    float[] history = history(worker, (taps - 1) * count);
    int end = states.batch().firstRow(sequence + 1);
    begin(sequence, channel, count, history);
    for (int row = states.batch().firstRow(sequence); row < end; row++) {
      int position = states.batch().position(row);
      kernel.convolve(this, history, row, channel, count, worker);
      remember(history, input(row, channel), count);
      if (row + 1 == end || states.enters(position + 1)) {
        store(states.behind(sequence, position), channel, count, history);
      }
      stretches.convolved(row, stretch, worker);
    }
  }

  private float[] history(int worker, int elements) {
    if (histories[worker].length < elements) {
      histories[worker] = new float[elements];
    }
    return histories[worker];
  }

  /** The channels of the rows before a run. */
  private void begin(int sequence, int channel, int count, float[] history) {
    int first = states.batch().position(states.batch().firstRow(sequence));
    if (first == 0) {
      Arrays.fill(history, 0, (taps - 1) * count, 0);
      return;
    }
    long state = states.behind(sequence, first - 1);
    for (int tap = 0; tap < taps - 1; tap++) {
      long at = state + channels(tap, channel);
      MemorySegment.copy(states.data(), ValueLayout.JAVA_FLOAT, at, history, tap * count, count);
    }
  }

  private void remember(float[] history, long at, int count) {
    int older = (taps - 2) * count;
    if (older >= 0) {
      System.arraycopy(history, count, history, 0, older);
      MemorySegment.copy(
          in.data(), ValueLayout.JAVA_FLOAT, at * Float.BYTES, history, older, count);
    }
  }

  private void store(long state, int channel, int count, float[] history) {
    for (int tap = 0; tap < taps - 1; tap++) {
      long at = state + channels(tap, channel);
      MemorySegment.copy(history, tap * count, states.data(), ValueLayout.JAVA_FLOAT, at, count);
    }
  }

  private long channels(int tap, int channel) {
    return ((long) tap * channels() + channel) * Float.BYTES;
  }

  /** How many channels there are. */
  public int channels() {
    return stretches.first(stretches.count());
  }

  /** How many rows a row is convolved with, its own included. */
  public int taps() {
    return taps;
  }

  /** By what is multiplied, {@code [taps][channels]}, that of the oldest row first. */
  public MemorySegment weights() {
    return weights;
  }

  /** What is added to each channel's sum, or null. */
  public @Nullable MemorySegment bias() {
    return bias;
  }

  /** Whether x · σ(x) is taken of the sums. */
  public boolean activates() {
    return activates;
  }

  /** The rows that are convolved. */
  public CpuActivations in() {
    return in;
  }

  /** Where a channel of a row is. */
  public long input(int row, int channel) {
    return in.row(row) + inColumn + channel;
  }

  /** Where the results go. */
  public CpuActivations out() {
    return out;
  }
}
