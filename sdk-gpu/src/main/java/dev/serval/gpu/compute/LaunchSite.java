package dev.serval.gpu.compute;

import dev.serval.gpu.driver.Stream;

/**
 * What all launches of a backend share.
 *
 * @param stream where they go
 * @param step the step they compute
 * @param bounds what their grids are sized for
 * @param partials room for sums that are taken apart
 * @param arrivals counters of those, 0 between launches
 * @param operand room for an input that is rounded on its way to a product
 * @param gathered room for rows of F32 that are gathered on their way to a product
 * @param multiprocessors of the device
 */
record LaunchSite(
    Stream stream,
    StagedStep step,
    StepBounds bounds,
    GrowingBuffer partials,
    GrowingBuffer arrivals,
    GrowingBuffer operand,
    GrowingBuffer gathered,
    int multiprocessors) {}
