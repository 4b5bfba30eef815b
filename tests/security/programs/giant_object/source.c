char a[3000000000ul] = {1};
int main(void) { return a[5]; }
