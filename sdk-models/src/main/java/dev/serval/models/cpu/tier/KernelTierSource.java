package dev.serval.models.cpu.tier;

import dev.serval.api.compute.KernelKind;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.system.Processor;
import java.util.Optional;

/** A tier of kernels that a processor may be able to run. Loading its class needs nothing yet. */
public interface KernelTierSource {
  /** What kind of kernels it has. */
  KernelKind kind();

  /**
   * What is missing for it.
   *
   * @param processor where it would run
   * @return a clause such as {@code the processor has no avx2}, or nothing when it can be opened
   */
  Optional<String> missing(Processor processor);

  /**
   * How much memory a matrix takes once it is packed. Called only if nothing is missing.
   *
   * @param rows its rows, as they are stored
   * @return its size in bytes
   */
  long packedBytes(StoredRows rows);

  /**
   * Makes the kernels. Called only if nothing is missing.
   *
   * @param workers how many work together
   * @return the kernels
   */
  KernelTier open(int workers);
}
