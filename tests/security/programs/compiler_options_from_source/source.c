#pragma GCC plugin "/tmp/evil.so"
#pragma GCC dependency "@CANARY@"
#pragma GCC pch_preprocess "@CANARY@"
int main(void) { return 0; }
