constexpr unsigned long spin(unsigned long n) { unsigned long r = 0; for (unsigned long i = 0; i < n; i++) for (unsigned long j = 0; j < n; j++) r += i ^ j; return r; }
static_assert(spin(100000000) != 1);
int main() {}
