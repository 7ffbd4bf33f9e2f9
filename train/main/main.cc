#include "base/version.h"
int main(){return 0;}
