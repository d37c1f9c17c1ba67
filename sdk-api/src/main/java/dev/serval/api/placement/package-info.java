/** Which device a model runs on: a {@link dev.serval.api.placement.PlacementPolicy} decides. */
package dev.serval.api.placement;
