package dev.serval.benchmarks;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** What one call that multiplies by weights did. */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.OPERATIONS)
public class Multiplied {
  /** Multiplications and additions. */
  public long operations;

  /** Bytes of weights. */
  public long bytes;
}
