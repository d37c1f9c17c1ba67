import org.jspecify.annotations.NullMarked;

/**
 * Tries policies on hours of traffic in seconds: the scheduler, block pool and prefix index that
 * serve in production, on a clock that only a cost model moves.
 *
 * <p>{@link dev.serval.simulator.Simulation} replays a {@link dev.serval.simulator.Trace}, read
 * from a file or made by {@link dev.serval.simulator.Workloads}, and answers with a {@link
 * dev.serval.simulator.SimulationReport}.
 */
@NullMarked
module dev.serval.simulator {
  requires transitive dev.serval.api;
  requires dev.serval.batching;
  requires dev.serval.cache;
  requires static org.jspecify;
  requires tools.jackson.databind;

  exports dev.serval.simulator;
}
