package dev.serval.api.device;

/** The kinds of device that models run on. */
public enum DeviceKind {
  /** The processor that runs the JVM. */
  CPU,
  /** An accelerator with memory of its own. */
  GPU
}
