package dev.serval.gpu.standin;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.driver.Event;
import dev.serval.gpu.driver.HostMemory;
import dev.serval.gpu.driver.MemoryPool;
import dev.serval.gpu.driver.OutOfDeviceMemoryException;
import dev.serval.gpu.driver.Stream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Random orders of allocation, fill, copy, reading back and release over several streams, by
 * somebody who waits for what has to be waited for, and by somebody who now and then forgets to.
 */
class StandInSchedulesTest {
  private static final int STREAMS = 3;
  private static final int STEPS = 20;
  private static final int WORDS = 256;

  @RegisterExtension final StandIn machine = StandIn.with("memory=64m");

  private Context context;
  private MemoryPool pool;
  private HostMemory pinned;
  private final List<Stream> streams = new ArrayList<>();
  private final List<Event> spare = new ArrayList<>();
  private double forgetting;
  private Random random = new Random(0);

  /** Memory that was filled with one word, and the mark behind its last use. */
  private record Block(long address, int word, Event used) {}

  @BeforeEach
  void open() {
    DriverSearch.Outcome outcome = DriverSearch.at(machine.library());
    context = ((DriverSearch.Found) outcome).driver().devices().getFirst().context();
    context.attach();
    pool = context.pool(0);
    pinned = context.allocateHost(WORDS * Integer.BYTES);
    for (int i = 0; i < STREAMS; i++) {
      streams.add(context.stream());
    }
  }

  @AfterEach
  void close() {
    context.close();
  }

  @Test
  void who_waits_breaks_no_rule_and_reads_what_was_written(TestReporter reporter) {
    run(2_000, reporter);

    assertThat(machine.violations()).isZero();
  }

  @Test
  @Tag("slow")
  void who_waits_breaks_no_rule_in_many_orders(TestReporter reporter) {
    run(100_000, reporter);

    assertThat(machine.violations()).isZero();
  }

  @Test
  void who_forgets_to_wait_is_found_out(TestReporter reporter) {
    forgetting = 0.02;
    run(1_000, reporter);

    assertThat(machine.takeViolations()).hasSizeGreaterThan(10);
  }

  private void run(int schedules, TestReporter reporter) {
    long first = System.nanoTime();
    reporter.publishEntry("first seed", Long.toString(first));
    for (int i = 0; i < schedules; i++) {
      long seed = first + i;
      schedule(seed);
      if (forgetting == 0 && machine.violations() > 0) {
        throw new AssertionError("seed " + seed + ": " + machine.takeViolations());
      }
    }
    double seconds = (System.nanoTime() - first) / 1e9;
    reporter.publishEntry(
        "seconds of %d schedules".formatted(schedules), "%.1f".formatted(seconds));
  }

  private void schedule(long seed) {
    random = new Random(seed);
    machine.delayUntilWaited(seed);
    List<Block> blocks = new ArrayList<>();
    for (int step = 0; step < STEPS; step++) {
      switch (random.nextInt(blocks.isEmpty() ? 1 : 5)) {
        case 0 -> allocate(blocks);
        case 1 -> copy(blocks);
        case 2 -> read(any(blocks));
        case 3 -> release(blocks.remove(random.nextInt(blocks.size())));
        default -> machine.fail("cuMemAllocFromPoolAsync", 0, 1, StandIn.OUT_OF_MEMORY);
      }
    }
    machine.heal();
    blocks.forEach(this::release);
    context.synchronize();
    assertThat(pool.used().count()).isZero();
  }

  private Stream stream() {
    return streams.get(random.nextInt(STREAMS));
  }

  private Block any(List<Block> blocks) {
    return blocks.get(random.nextInt(blocks.size()));
  }

  private void waitFor(Stream stream, Event event) {
    if (random.nextDouble() >= forgetting) {
      stream.waitFor(event);
    }
  }

  private void allocate(List<Block> blocks) {
    Stream stream = stream();
    int word = random.nextInt();
    try {
      Event used = spare.isEmpty() ? context.event() : spare.removeLast();
      blocks.add(new Block(pool.allocate(WORDS * Integer.BYTES, stream), word, used));
    } catch (OutOfDeviceMemoryException e) {
      return;
    }
    stream.fillWords(blocks.getLast().address, word, WORDS);
    stream.record(blocks.getLast().used);
  }

  private void copy(List<Block> blocks) {
    Block source = any(blocks);
    Block target = any(blocks);
    if (source.equals(target)) {
      return;
    }
    Stream stream = stream();
    waitFor(stream, source.used);
    waitFor(stream, target.used);
    stream.copyOnDevice(target.address, source.address, WORDS * Integer.BYTES);
    stream.record(source.used);
    stream.record(target.used);
    blocks.set(blocks.indexOf(target), new Block(target.address, source.word, target.used));
  }

  private void read(Block block) {
    Stream stream = stream();
    waitFor(stream, block.used);
    stream.copyToHost(pinned.segment().address(), block.address, WORDS * Integer.BYTES);
    stream.record(block.used);
    block.used.await();
    if (forgetting == 0) {
      assertThat(pinned.segment().getAtIndex(JAVA_INT, random.nextInt(WORDS)))
          .isEqualTo(block.word);
    }
  }

  private void release(Block block) {
    Stream stream = stream();
    waitFor(stream, block.used);
    pool.free(block.address, stream);
    spare.add(block.used);
  }
}
