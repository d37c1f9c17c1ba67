import org.jspecify.annotations.NullMarked;

/**
 * The composition root: options are checked, parts are found and put together, and what comes out
 * is a {@link dev.serval.api.ServingRuntime}.
 */
@NullMarked
module dev.serval.runtime {
  requires transitive dev.serval.api;
  requires static io.opentelemetry.api;
  requires static io.opentelemetry.context;
  requires transitive micrometer.core;
  requires static org.jspecify;

  // The stock policies, which an application picks from.
  requires transitive dev.serval.batching;
  requires transitive dev.serval.scheduling;

  // The stock parts, found as services.
  requires dev.serval.cache;
  requires dev.serval.gpu;
  requires dev.serval.models;
  requires dev.serval.storage;

  // How long the JVM has compiled, while a model is warmed up.
  requires java.management;

  exports dev.serval.runtime;

  // Where each generation's time went, for tracing.
  exports dev.serval.runtime.tracing;

  // What a runtime is made of, wherever it comes from.
  uses dev.serval.api.batching.PolicyProvider;
  uses dev.serval.api.compute.ComputeBackendProvider;
  uses dev.serval.api.device.DeviceProvider;
  uses dev.serval.api.model.EmbeddingModelReader;
  uses dev.serval.api.model.ModelFamily;
  uses dev.serval.api.model.TextCodecReader;
  uses dev.serval.api.storage.CheckpointReader;
}
