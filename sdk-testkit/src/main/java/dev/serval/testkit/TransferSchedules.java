package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.gpu.MemoryKind;
import dev.serval.api.gpu.Region;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.gpu.TransferBatch;
import dev.serval.api.gpu.TransferBatch.State;
import dev.serval.api.gpu.TransferPriority;
import dev.serval.api.gpu.TransferService;
import dev.serval.api.storage.FileRange;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * Random schedules of what may happen to transfers: some batches over some regions are submitted,
 * cancelled, and fail, while regions, memory and now and then the whole service are closed, in any
 * order and from several threads. Every batch must end once, what arrived must be right where the
 * batch says that it arrived, and nothing may be left.
 */
final class TransferSchedules {
  private static final int SIDE_BY_SIDE = 4;
  private static final int SCHEDULES_OF_A_SERVICE = 400;
  private static final int SCHEDULES_OF_A_CLOSE = 50;
  private static final int MOST_TRANSFERS = 6;
  private static final int MOST_BYTES = 40_000;
  private static final long PATIENCE_SECONDS = 60;

  private final long seed;
  private final RegionPool device;
  private final RegionPool pinned;
  private final FileRange file;
  private final byte[] pattern;
  private final Supplier<TransferService> services;
  private final Consumer<Random> disturbance;
  private final Map<State, Integer> outcomes = new EnumMap<>(State.class);

  TransferSchedules(
      long seed,
      RegionPool device,
      RegionPool pinned,
      FileRange file,
      byte[] pattern,
      Supplier<TransferService> services,
      Consumer<Random> disturbance) {
    this.seed = seed;
    this.device = device;
    this.pinned = pinned;
    this.file = file;
    this.pattern = pattern;
    this.services = services;
    this.disturbance = disturbance;
  }

  String outcomes() {
    return outcomes.toString();
  }

  /** Runs so many schedules, some side by side. */
  void run(int count) throws InterruptedException {
    for (int first = 0; first < count; first += SCHEDULES_OF_A_SERVICE) {
      int begin = first;
      int end = Math.min(count, first + SCHEDULES_OF_A_SERVICE);
      try (TransferService service = services.get()) {
        runAll(
            IntStream.range(begin, Math.min(end, begin + SIDE_BY_SIDE))
                .mapToObj(lane -> (Runnable) () -> runSome(service, lane, end))
                .toList());
      }
    }
  }

  private void runSome(TransferService service, int begin, int end) {
    try (Belongings lane = new Belongings()) {
      for (int i = begin; i < end; i += SIDE_BY_SIDE) {
        new Schedule(lane, service, i).run();
      }
    }
  }

  private static void runAll(List<Runnable> works) throws InterruptedException {
    List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
    List<Thread> threads =
        works.stream()
            .map(work ->
                Thread.ofPlatform()
                    .uncaughtExceptionHandler((thread, e) -> failures.add(e))
                    .start(work))
            .toList();
    for (Thread thread : threads) {
      thread.join();
    }
    if (!failures.isEmpty()) {
      throw new AssertionError("a schedule failed", failures.getFirst());
    }
  }

  private void count(State outcome) {
    synchronized (outcomes) {
      outcomes.merge(outcome, 1, Integer::sum);
    }
  }

  /** One transfer of a batch, as it should come out. */
  private record Expected(Region target, long offset, MemorySegment bytes) {}

  /** A batch, and what it should bring where. */
  private static final class Case {
    private final AtomicInteger ends = new AtomicInteger();
    private final CountDownLatch ended = new CountDownLatch(1);
    private final TransferBatch batch;
    private final List<Expected> expected = new ArrayList<>();
    private boolean submitted;

    Case(TransferPriority priority) {
      batch = new TransferBatch(priority, batch -> end());
    }

    private void end() {
      ends.incrementAndGet();
      ended.countDown();
    }
  }

  private void fill(MemorySegment target) {
    MemorySegment.copy(pattern, 0, target, ValueLayout.JAVA_BYTE, 0, MOST_BYTES);
  }

  /** Memory of the host that is no region. */
  private final class HostMemory implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment bytes = arena.allocate(MOST_BYTES);

    HostMemory() {
      fill(bytes);
    }

    @Override
    public void close() {
      arena.close();
    }
  }

  /**
   * What schedules have one after the other as long as none closes it, for making it anew, and
   * closing it, is dear.
   */
  private final class Belongings implements AutoCloseable {
    private final Region back = pinned.allocate(MOST_TRANSFERS * MOST_BYTES);
    private final MemorySegment found = back.segment();
    private HostMemory memory = new HostMemory();
    private Region source = source();

    private Region source() {
      Region made = pinned.allocate(MOST_BYTES);
      fill(made.segment());
      return made;
    }

    void renew() {
      if (!memory.bytes.scope().isAlive()) {
        memory = new HostMemory();
      }
      if (source.state() != Region.State.OPEN) {
        source = source();
      }
    }

    @Override
    public void close() {
      renew();
      memory.close();
      List.of(source, back).forEach(Region::close);
      assertThat(List.of(source, back)).allMatch(each -> each.state() == Region.State.RELEASED);
    }
  }

  /** One schedule. */
  private final class Schedule {
    private final Belongings lane;
    private final boolean closes;
    private final TransferService service;
    private final int number;
    private final Random random;
    private final List<Region> regions = new ArrayList<>();
    private final List<Case> cases = new ArrayList<>();
    private final MemorySegment memory;
    private final Region source;

    Schedule(Belongings lane, TransferService shared, int number) {
      this.lane = lane;
      this.number = number;
      random = new Random(seed + number);
      closes = random.nextInt(SCHEDULES_OF_A_CLOSE) == 0;
      service = closes ? services.get() : shared;
      lane.renew();
      memory = lane.memory.bytes;
      source = lane.source;
    }

    void run() {
      try {
        int batches = 1 + random.nextInt(4);
        for (int i = 0; i < batches; i++) {
          cases.add(filled());
        }
        disturbance.accept(random);
        act();
        cases.stream().filter(each -> each.submitted).forEach(this::requireEnd);
        close();
      } catch (RuntimeException | Error e) {
        throw new AssertionError("schedule %d of seed %d".formatted(number, seed), e);
      }
    }

    private Case filled() {
      Case made =
          new Case(random.nextBoolean() ? TransferPriority.URGENT : TransferPriority.BACKGROUND);
      int transfers = 1 + random.nextInt(MOST_TRANSFERS);
      for (int i = 0; i < transfers; i++) {
        add(made);
      }
      return made;
    }

    private void add(Case to) {
      int bytes = 1 + random.nextInt(MOST_BYTES);
      int from = random.nextInt(MOST_BYTES - bytes + 1);
      int at = random.nextInt(50);
      Region target = (random.nextInt(3) == 0 ? pinned : device).allocate(bytes + at);
      regions.add(target);
      int begin = from;
      switch (random.nextInt(4)) {
        case 0 -> to.batch.store(memory.asSlice(from, bytes), target, at);
        case 1 -> {
          begin = random.nextInt(pattern.length - bytes);
          to.batch.read(file.slice(begin, bytes), target, at);
        }
        default -> to.batch.copy(source, from, target, at, bytes);
      }
      MemorySegment expected = MemorySegment.ofArray(pattern).asSlice(begin, bytes);
      to.expected.add(new Expected(target, at, expected));
    }

    /** Everything that is to happen, in a random order. */
    private void act() {
      List<Runnable> actions = new ArrayList<>();
      cases.forEach(each -> actions.add(() -> submit(each)));
      cases.forEach(each -> sometimes(actions, 4, () -> service.cancel(each.batch)));
      regions.forEach(region -> sometimes(actions, 4, region::close));
      sometimes(actions, 4, source::close);
      sometimes(actions, 8, lane.memory::close);
      if (closes) {
        actions.add(service::close);
      }
      sometimes(actions, 3, Thread::yield);
      Collections.shuffle(actions, random);
      for (Runnable action : actions) {
        if (random.nextInt(20) == 0) {
          joined(Thread.ofVirtual().start(action));
        } else {
          action.run();
        }
      }
    }

    private void sometimes(List<Runnable> actions, int oneIn, Runnable action) {
      if (random.nextInt(oneIn) == 0) {
        actions.add(action);
      }
    }

    private void joined(Thread thread) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    private void submit(Case each) {
      try {
        service.submit(each.batch);
        each.submitted = true;
      } catch (IllegalStateException e) {
        assertThat(each.batch.state()).isEqualTo(State.FILLING);
      }
    }

    private void requireEnd(Case each) {
      awaitEnd(each);
      State state = each.batch.state();
      count(state);
      assertThat(each.batch.failure().isPresent()).isEqualTo(state != State.SUCCEEDED);
      if (state == State.SUCCEEDED) {
        requireContent(
            each.expected.stream()
                .filter(part -> part.target.state() == Region.State.OPEN)
                .toList());
      }
    }

    /** The listener is called right after the state was set. */
    private void awaitEnd(Case each) {
      try {
        if (!each.ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
          throw new AssertionError("a batch does not end: " + each.batch);
        }
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      assertThat(each.batch.state().ended()).isTrue();
      assertThat(each.ends).hasValue(1);
    }

    /** Nobody can look into device memory by way of a service that is closed. */
    private void requireContent(List<Expected> parts) {
      if (closes) {
        parts.stream()
            .filter(part -> part.target.kind() == MemoryKind.PINNED)
            .forEach(part -> requireEqual(part.target.segment(), part.offset, part));
      } else if (!parts.isEmpty()) {
        requireFetched(parts);
      }
    }

    private void requireFetched(List<Expected> parts) {
      Case fetch = new Case(TransferPriority.URGENT);
      for (int i = 0; i < parts.size(); i++) {
        Expected part = parts.get(i);
        long bytes = part.bytes.byteSize();
        fetch.batch.copy(part.target, part.offset, lane.back, (long) i * MOST_BYTES, bytes);
      }
      service.submit(fetch.batch);
      awaitEnd(fetch);
      if (fetch.batch.state() == State.SUCCEEDED) {
        for (int i = 0; i < parts.size(); i++) {
          requireEqual(lane.found, (long) i * MOST_BYTES, parts.get(i));
        }
      }
    }

    private void requireEqual(MemorySegment found, long offset, Expected part) {
      assertThat(found.asSlice(offset, part.bytes.byteSize()).mismatch(part.bytes)).isEqualTo(-1);
    }

    private void close() {
      if (closes) {
        service.close();
      }
      Collections.shuffle(regions, random);
      regions.forEach(Region::close);
      assertThat(regions).allMatch(region -> region.state() == Region.State.RELEASED);
      cases.forEach(each -> assertThat(each.ends.get()).isEqualTo(each.submitted ? 1 : 0));
    }
  }
}
