package dev.serval.runtime.metrics;

import dev.serval.api.cache.KvStatistics;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;

/** What is measured of KV blocks that go to the host's memory and come back. */
final class SwapMeters {
  private static final double NANOS_PER_SECOND = 1e9;

  private final MeterRegistry registry;
  private final Tags model;
  private final Way out;
  private final Way in;
  private final Counter ahead;
  private final Counter displaced;
  private final Counter refused;
  private final Counter seconds;

  SwapMeters(MeterRegistry registry, Tags model) {
    this.registry = registry;
    this.model = model;
    out = new Way("out");
    in = new Way("in");
    ahead =
        counter(
            "serval.kv.swap.ahead", "KV blocks that came back beside a step without them", model);
    displaced = lost("displaced");
    refused = lost("refused");
    seconds =
        Counter.builder("serval.kv.swap.time")
            .description("Time in which the device moved KV blocks")
            .baseUnit("seconds")
            .tags(model)
            .register(registry);
  }

  /** One direction. */
  private final class Way {
    private final Counter blocks;
    private final Counter bytes;

    Way(String direction) {
      Tags tags = model.and("direction", direction);
      blocks =
          counter("serval.kv.swap.blocks", "KV blocks that went to the host or came from it", tags);
      bytes =
          Counter.builder("serval.kv.swap.moved")
              .description("Bytes of KV blocks that went to the host or came from it")
              .baseUnit("bytes")
              .tags(tags)
              .register(registry);
    }

    void count(long moved, long blockBytes) {
      blocks.increment((double) moved);
      bytes.increment((double) moved * blockBytes);
    }
  }

  private Counter lost(String why) {
    return counter(
        "serval.kv.swap.lost", "KV blocks that the host had no room for", model.and("reason", why));
  }

  private Counter counter(String name, String description, Tags tags) {
    return Counter.builder(name).description(description).tags(tags).register(registry);
  }

  void moved(KvStatistics.Swap moved) {
    out.count(moved.saved(), moved.blockBytes());
    in.count(moved.loaded(), moved.blockBytes());
    ahead.increment((double) moved.ahead());
    displaced.increment((double) moved.displaced());
    refused.increment((double) moved.refused());
    seconds.increment(moved.nanos() / NANOS_PER_SECOND);
  }
}
