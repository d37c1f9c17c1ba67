import org.jspecify.annotations.NullMarked;

/**
 * The {@code serval} command: a model served, talked to, looked into and measured from the command
 * line.
 */
@NullMarked
module dev.serval.command {
  requires dev.serval.api;
  requires dev.serval.batching;
  requires dev.serval.runtime;
  requires dev.serval.server;
  requires dev.serval.simulator;
  requires info.picocli;
  requires java.net.http;
  requires jdk.unsupported;
  requires tools.jackson.databind;
  requires java.logging;
  requires static org.jspecify;

  uses dev.serval.api.batching.PolicyProvider;
  uses dev.serval.api.compute.ComputeBackendProvider;
  uses dev.serval.api.device.DeviceProvider;
  uses dev.serval.api.model.ModelFamily;
  uses dev.serval.api.model.TextCodecReader;
  uses dev.serval.api.storage.CheckpointReader;

  // The command line is read into the fields of its commands.
  opens dev.serval.command to
      info.picocli;
  opens dev.serval.command.simulate to
      info.picocli;
}
