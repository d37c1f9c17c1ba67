package dev.serval.runtime;

import dev.serval.api.device.Device;

/**
 * Where a model runs, with all that it has there.
 *
 * @param placed its place
 * @param computing what computes it
 * @param parts what is closed when it leaves, after the engine that runs on it
 */
record Home(LoadedModel.Placed placed, LoadedModel.Computing computing, OpenedParts parts) {
  Device device() {
    return placed.placement().device();
  }
}
