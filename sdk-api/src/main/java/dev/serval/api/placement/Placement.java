package dev.serval.api.placement;

import dev.serval.api.device.Device;

/**
 * Where a model goes.
 *
 * @param device the device chosen
 * @param reason why, in a few words that {@code describe()} shows
 */
public record Placement(Device device, String reason) {}
