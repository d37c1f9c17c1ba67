package dev.serval.gpu.standin;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A machine with NVIDIA's driver, played by our own C++ ({@code src/test/cpp/standin}), as an
 * extension of a test class. Tests give its {@link #library} to what they test, and control it by
 * the other methods.
 *
 * <p>As a static field the machine is set up before the first test and must be left clean after the
 * last one; as an instance field before and after each test. In both cases a test fails that broke
 * one of the driver's rules, unless it {@linkplain #takeViolations takes} the violations. Where
 * there is no g++ the tests are skipped.
 */
public final class StandIn
    implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {

  /** The driver's error codes that tests make it give. */
  public static final int OUT_OF_MEMORY = 2;

  public static final int ECC_UNCORRECTABLE = 214;
  public static final int ILLEGAL_ADDRESS = 700;
  public static final int LAUNCH_FAILED = 719;
  public static final int UNKNOWN = 999;

  private final List<String> settings;
  private boolean ofClass;

  private StandIn(List<String> settings) {
    this.settings = settings;
  }

  /**
   * A machine.
   *
   * @param settings such as {@code devices=2}, {@code memory=1g}, {@code memory.1=4g}, {@code
   *     capability=8.9}, {@code driver=12000}, {@code batchCopies=0}, {@code mig=2}, {@code
   *     nvlinks=4}; {@code control.cpp} lists them
   * @return an extension, to be registered with a field
   */
  public static StandIn with(String... settings) {
    return new StandIn(List.of(settings));
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    ofClass = true;
    begin();
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    if (!ofClass) {
      begin();
    }
  }

  @Override
  public void afterEach(ExtensionContext context) {
    assertThat(takeViolations()).as("broken rules of the driver").isEmpty();
    if (!ofClass) {
      assertClean();
    }
  }

  @Override
  public void afterAll(ExtensionContext context) {
    assertThat(takeViolations()).as("broken rules of the driver").isEmpty();
    assertClean();
  }

  private void begin() {
    Assumptions.assumeTrue(
        NativeBuild.possible(), "there is no g++ to build the driver's stand-in with");
    configure(settings.toArray(String[]::new));
  }

  private static void assertClean() {
    assertThat(Controls.leaks()).as("left behind on the device").isEmpty();
  }

  /**
   * The driver's library.
   *
   * @return a path to {@code libcuda.so.1}
   */
  public Path library() {
    return StandInLibrary.folder().resolve("libcuda.so.1");
  }

  /**
   * NVML's library, of the same machine.
   *
   * @return a path to {@code libnvidia-ml.so.1}
   */
  public Path managementLibrary() {
    return StandInLibrary.folder().resolve("libnvidia-ml.so.1");
  }

  /**
   * The driver's library of another machine of the same settings, whose state is its own and which
   * lacks functions.
   *
   * @param hidden names of exported functions
   * @return a path to {@code libcuda.so.1}, beside which there is {@code libnvidia-ml.so.1}
   */
  public Path libraryWithout(String... hidden) {
    Path library = StandInLibrary.without(Arrays.asList(hidden)).resolve("libcuda.so.1");
    Controls.configure(library, String.join("\n", settings));
    return library;
  }

  /**
   * Begins anew: nothing is allocated, nothing was done wrong.
   *
   * @param changed settings as for {@link #with}, in place of those
   */
  public void configure(String... changed) {
    Controls.configure(String.join("\n", changed));
  }

  /**
   * Lets a function fail from now on, once.
   *
   * @param function a function's name without suffix, such as {@code cuMemAlloc}; or {@code copy},
   *     {@code memset}, {@code kernel}, {@code kernel NAME} for the execution of such work, which
   *     breaks the context
   * @param code what it gives
   */
  public void failNext(String function, int code) {
    Controls.fail(function, 0, 1, code);
  }

  /**
   * Lets calls of a function fail.
   *
   * @param function as for {@link #failNext}
   * @param after so many calls still succeed
   * @param times so many fail then; -1 for all
   * @param code what they give
   */
  public void fail(String function, long after, long times, int code) {
    Controls.fail(function, after, times, code);
  }

  /** Undoes all failures that were asked for and have not happened. */
  public void heal() {
    Controls.heal();
  }

  /** Work is executed as soon as it can be. */
  public void delayNothing() {
    Controls.delay(0, 1, 0, 0);
  }

  /**
   * Copies, fills and kernels begin late, each other one by a random time.
   *
   * @param seed decides the times and the order of what has none
   * @param leastMicros the shortest time
   * @param mostMicros the longest time
   */
  public void delayRandomly(long seed, long leastMicros, long mostMicros) {
    Controls.delay(1, seed, leastMicros, mostMicros);
  }

  /**
   * Work is executed only when somebody waits for it, asks for it or {@linkplain #step steps}, in a
   * random order that streams and events allow. With one thread a run depends on the seed alone.
   *
   * @param seed decides the order
   */
  public void delayUntilWaited(long seed) {
    Controls.delay(2, seed, 0, 0);
  }

  /**
   * Makes a stream slow.
   *
   * @param stream its handle
   * @param micros added to each of its operations
   */
  public void slow(long stream, long micros) {
    Controls.slow(stream, micros);
  }

  /**
   * Executes work that is ready.
   *
   * @param most so many operations
   * @return how many it were
   */
  public long step(long most) {
    return Controls.step(most);
  }

  /**
   * How many operations wait to be executed.
   *
   * @return the number
   */
  public long pending() {
    return Controls.pending();
  }

  /**
   * Breaks the contexts of a device, as a kernel does that goes wrong.
   *
   * @param device its ordinal
   * @param code what all calls give from now on
   */
  public void breakContexts(int device, int code) {
    Controls.breakContexts(device, code);
  }

  /**
   * Takes a device away.
   *
   * @param device its ordinal
   * @param code what all calls about it give from now on
   */
  public void lose(int device, int code) {
    Controls.lose(device, code);
  }

  /**
   * Lets the driver report an Xid.
   *
   * @param device its ordinal
   * @param xid the event's number
   */
  public void xid(int device, long xid) {
    Controls.xid(device, xid, -1, -1);
  }

  /**
   * Lets the driver report an Xid of a MIG instance.
   *
   * @param device its ordinal
   * @param xid the event's number
   * @param gpuInstance from 1
   */
  public void xid(int device, long xid, int gpuInstance) {
    Controls.xid(device, xid, gpuInstance, 0);
  }

  /**
   * Sets what the driver wants done before the device is used again.
   *
   * @param device its ordinal
   * @param action NVML's number, 0 for nothing
   */
  public void recovery(int device, int action) {
    Controls.recovery(device, action);
  }

  /**
   * Takes an NVLink down or up.
   *
   * @param device its ordinal
   * @param link from 0
   * @param up whether it works
   */
  public void link(int device, int link, boolean up) {
    Controls.link(device, link, up);
  }

  /**
   * Adds a process that has a context on the device.
   *
   * @param device its ordinal
   * @param process its number
   * @param bytes that it has of the device's memory
   */
  public void process(int device, int process, long bytes) {
    Controls.process(device, process, bytes);
  }

  /**
   * Sets how busy the device is.
   *
   * @param device its ordinal
   * @param percent of the time that kernels run
   * @param memoryPercent of the time that memory is read or written
   */
  public void utilisation(int device, int percent, int memoryPercent) {
    Controls.utilisation(device, percent, memoryPercent);
  }

  /**
   * What was done wrong since it was last taken, a sentence each. Nobody else is told of it.
   *
   * @return the sentences, possibly none
   */
  public List<String> takeViolations() {
    long count = Controls.violations();
    List<String> taken = new ArrayList<>();
    for (long i = 0; i < Math.min(count, 1000); i++) {
      taken.add(Controls.violation(i));
    }
    Controls.forgive();
    return taken;
  }

  /**
   * How many rules were broken; cheap.
   *
   * @return the number since violations were last taken
   */
  public long violations() {
    return Controls.violations();
  }

  /**
   * What is alive on the device: memory, streams, events, modules, graphs, pools.
   *
   * @return a list in words, empty for nothing
   */
  public String leaks() {
    return Controls.leaks();
  }

  /**
   * How often a function was called.
   *
   * @param function its name without suffix
   * @return the number since the machine was set up
   */
  public long calls(String function) {
    return Controls.calls(function);
  }

  /**
   * What was executed.
   *
   * @param name {@code copies}, {@code kernels}, {@code graphs}, or bytes: {@code hostToDevice},
   *     {@code deviceToHost}, {@code deviceToDevice}
   * @return the number since the machine was set up
   */
  public long executed(String name) {
    return Controls.counter(name);
  }

  /**
   * Notes that a pool above the driver took back part of a block, which must not be used until it
   * is {@linkplain #lent lent} again: neither by work that is given later, nor by what is on its
   * way.
   *
   * @param address where the part begins
   * @param bytes its size
   */
  public void returned(long address, long bytes) {
    Controls.returned(address, bytes);
  }

  /**
   * Notes that a pool above the driver gave out part of a block.
   *
   * @param address where the part begins
   * @param bytes its size
   */
  public void lent(long address, long bytes) {
    Controls.lent(address, bytes);
  }

  /**
   * Reads memory of a device past all rules.
   *
   * @param address on the device
   * @param target what is filled
   */
  public void peek(long address, MemorySegment target) {
    long fault = Controls.peek(address, target);
    assertThat(fault).as("the address that cannot be read").isZero();
  }

  /**
   * Whether the host's threads cannot touch device memory: not where the processor has no
   * protection keys.
   *
   * @return whether they fault
   */
  public boolean guardsDeviceMemory() {
    return Controls.guards();
  }

  /**
   * Whether a host's thread that touches an address faults.
   *
   * @param address any address
   * @return whether it does
   */
  public boolean faults(long address) {
    return Controls.faults(address);
  }

  /**
   * Adds kernels to those that launches run.
   *
   * @param kernels a library with a table of kernels, as {@code host_kernels.h} says
   */
  public void kernels(Path kernels) {
    Controls.kernels(kernels);
  }

  /**
   * Adds the project's kernels, compiled for the processor from {@code src/main/cuda}, to those
   * that launches run. Their blocks are shared by the processor's threads.
   */
  public void projectKernels() {
    Controls.kernels(HostKernels.library());
  }
}
