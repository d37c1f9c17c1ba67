package dev.serval.api.compute;

import java.util.Locale;

/** Sorts of kernels that a backend may compute with, the most portable first. */
public enum KernelKind {
  /** Plain code of the platform: right everywhere, the reference. */
  PLAIN,
  /** Vector instructions by way of the platform's own vector library. */
  VECTOR,
  /** Machine code that is made for the processor and the shapes at hand. */
  GENERATED;

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
