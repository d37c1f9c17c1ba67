package dev.serval.gpu.driver;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.gpu.standin.StandIn;

/** What tests of the driver's binding do with the stand-in again and again. */
final class Machine {
  /** Kernels of the stand-in's own, as a driver takes them. */
  static final byte[] IMAGE =
      """
      .version 8.0
      .target sm_80
      .address_size 64
      .visible .entry standin_append(.param .align 8 .b8 p[16]) { ret; }
      .visible .entry standin_spin(.param .align 8 .b8 p[8]) { ret; }
      """
          .getBytes(US_ASCII);

  private Machine() {}

  static CudaDriver driver(StandIn machine) {
    DriverSearch.Outcome outcome = DriverSearch.at(machine.library());
    assertThat(outcome).isInstanceOf(DriverSearch.Found.class);
    return ((DriverSearch.Found) outcome).driver();
  }

  /** The first device's context, attached. */
  static Context context(StandIn machine) {
    Context context = driver(machine).devices().getFirst().context();
    context.attach();
    return context;
  }

  static Module kernels(StandIn machine, Context context) {
    machine.kernels(machine.library().resolveSibling("libtest_kernels.so"));
    return context.module(IMAGE);
  }
}
