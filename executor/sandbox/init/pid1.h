#pragma once

struct confinement;
struct order;

/* Process 1. Returns only in the process of a program that is FORKED. */
void live(const struct order *order, const struct confinement *confinement);
