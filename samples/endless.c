/* Never ends by itself; the sandbox's limit of processor time ends it. */
int main(void) {
    for (volatile unsigned long turns = 0;; turns++) {
    }
}
